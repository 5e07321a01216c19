-- Versions, sizes and sources of records, and the log of what changes them.

ALTER TABLE "video_analysis" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "video_analysis" ADD COLUMN "size" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "video_analysis" ADD COLUMN "sources" TEXT;
ALTER TABLE "video_analysis" ADD COLUMN "written" TEXT;

-- As backend/records/record.py counts, or a little less.
UPDATE "video_analysis" SET "size" = length(CAST("description" AS BLOB)) + coalesce(length(CAST("extra" AS BLOB)), 0)
    + coalesce((SELECT sum(200 + length(CAST("text" AS BLOB))) FROM "segment" WHERE "analysis_id" = "video_analysis"."id"), 0)
    + coalesce((SELECT sum(60 + length(CAST("tag_name" AS BLOB))) FROM "video_tag" WHERE "analysis_id" = "video_analysis"."id"), 0)
    + coalesce((SELECT sum(60 + length(CAST("person_name" AS BLOB))) FROM "video_person" WHERE "analysis_id" = "video_analysis"."id"), 0);

-- The change log: tables and triggers that Prisma does not model (prisma.toml names them external).
--
-- One row for each change, in the change's own transaction, whoever makes it. `image` is what was there before an
-- update or a deletion, as JSON by the names of schema.prisma; versions that are long past lose it. The row of
-- version n+1 has the image of version n.
--
-- The service says in video_analysis.written who writes: [version, action, actor, request id], as JSON. It is taken
-- only for the version that it names, so that another program's change is not laid to whoever wrote before.

CREATE TABLE "change_log" (
    "number" INTEGER PRIMARY KEY AUTOINCREMENT,
    "at" DATETIME NOT NULL,
    "actor" TEXT,
    "action" TEXT NOT NULL,
    "request_id" TEXT,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER,
    "image" TEXT
);
CREATE UNIQUE INDEX "change_log_of" ON "change_log" ("kind", "name", "version");
CREATE INDEX "change_log_deletions" ON "change_log" ("number") WHERE "action" = 'delete';

INSERT INTO "change_log" ("at", "action", "kind", "name", "version")
SELECT "created_at", 'create', 'video', "video_id", 1 FROM "video_analysis" ORDER BY "created_at", "id";

-- A video that was deleted goes on from its last version: an old ETag never names a new record. The service asks for
-- that version only when it must: with one that has been, its record is refused by the log's unique index.
CREATE TRIGGER "change_log_begin" AFTER INSERT ON "video_analysis" WHEN NEW."written" IS NULL
BEGIN
    UPDATE "video_analysis" SET "version" = 1 + (
        SELECT coalesce(max("version"), 0) FROM "change_log" WHERE "kind" = 'video' AND "name" = NEW."video_id"
    ) WHERE "id" = NEW."id";
    INSERT INTO "change_log" ("at", "action", "kind", "name", "version")
    SELECT "created_at", 'create', 'video', "video_id", "version" FROM "video_analysis" WHERE "id" = NEW."id";
END;

CREATE TRIGGER "change_log_created" AFTER INSERT ON "video_analysis" WHEN NEW."written" IS NOT NULL
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version")
    VALUES (
        NEW."created_at", coalesce(NEW."written" ->> 1, 'create'), NEW."written" ->> 2, NEW."written" ->> 3,
        'video', NEW."video_id", max(NEW."version", coalesce((
            SELECT max("version") FROM "change_log" WHERE "kind" = 'video' AND "name" = NEW."video_id"
        ), 0))
    );
END;

CREATE TRIGGER "change_log_updated" BEFORE UPDATE OF
    "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis"
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version", "image")
    SELECT
        CASE WHEN NEW."updated_at" = OLD."updated_at" THEN strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')
            ELSE NEW."updated_at" END,
        coalesce(by ->> 1, 'update'), by ->> 2, by ->> 3, 'video', OLD."video_id", OLD."version" + 1,
        json_object(
            'id', OLD."id", 'description', OLD."description", 'createdAt', OLD."created_at",
            'updatedAt', OLD."updated_at", 'title', OLD."title", 'recordedDate', OLD."recorded_date",
            'age', OLD."age", 'location', OLD."location", 'country', OLD."country", 'mood', OLD."mood",
            'eventType', OLD."event_type", 'duration', CASE WHEN OLD."duration" IS NOT NULL THEN quote(OLD."duration") END,
            'extra', OLD."extra", 'sources', OLD."sources",
            'tags', json((SELECT json_group_array("tag_name") FROM (SELECT "tag_name" FROM "video_tag"
                WHERE "analysis_id" = OLD."id" ORDER BY "position"))),
            'people', json((SELECT json_group_array("person_name") FROM (SELECT "person_name" FROM "video_person"
                WHERE "analysis_id" = OLD."id" ORDER BY "position"))),
            'segments', json((SELECT json_group_array(json_array(quote("start"), quote("end"), "text")) FROM (
                SELECT "start", "end", "text" FROM "segment" WHERE "analysis_id" = OLD."id" ORDER BY "position")))
        )
    FROM (SELECT CASE WHEN NEW."written" ->> 0 = OLD."version" + 1 THEN NEW."written" END AS by);
END;

-- For programs that do not know of versions.
CREATE TRIGGER "change_log_version" AFTER UPDATE OF
    "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis" WHEN NEW."version" = OLD."version"
BEGIN
    UPDATE "video_analysis" SET "version" = OLD."version" + 1 WHERE "id" = NEW."id";
END;

CREATE TRIGGER "change_log_deleted" BEFORE DELETE ON "video_analysis"
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version", "image")
    SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'),
        coalesce(by ->> 1, 'delete'), by ->> 2, by ->> 3, 'video', OLD."video_id", OLD."version" + 1,
        json_object(
            'id', OLD."id", 'description', OLD."description", 'createdAt', OLD."created_at",
            'updatedAt', OLD."updated_at", 'title', OLD."title", 'recordedDate', OLD."recorded_date",
            'age', OLD."age", 'location', OLD."location", 'country', OLD."country", 'mood', OLD."mood",
            'eventType', OLD."event_type", 'duration', CASE WHEN OLD."duration" IS NOT NULL THEN quote(OLD."duration") END,
            'extra', OLD."extra", 'sources', OLD."sources",
            'tags', json((SELECT json_group_array("tag_name") FROM (SELECT "tag_name" FROM "video_tag"
                WHERE "analysis_id" = OLD."id" ORDER BY "position"))),
            'people', json((SELECT json_group_array("person_name") FROM (SELECT "person_name" FROM "video_person"
                WHERE "analysis_id" = OLD."id" ORDER BY "position"))),
            'segments', json((SELECT json_group_array(json_array(quote("start"), quote("end"), "text")) FROM (
                SELECT "start", "end", "text" FROM "segment" WHERE "analysis_id" = OLD."id" ORDER BY "position")))
        )
    FROM (SELECT CASE WHEN OLD."written" ->> 0 = OLD."version" + 1 THEN OLD."written" END AS by);
END;
