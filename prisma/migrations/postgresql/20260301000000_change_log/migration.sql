-- Versions, sizes and sources of records, and the log of what changes them.

ALTER TABLE "video_analysis"
    ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN "size" INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN "sources" TEXT,
    ADD COLUMN "written" TEXT;

-- As backend/records/record.py counts, or a little less.
UPDATE "video_analysis" AS v SET "size" = octet_length("description") + coalesce(octet_length("extra"), 0)
    + coalesce((SELECT sum(200 + octet_length("text")) FROM "segment" WHERE "analysis_id" = v."id"), 0)
    + coalesce((SELECT sum(60 + octet_length("tag_name")) FROM "video_tag" WHERE "analysis_id" = v."id"), 0)
    + coalesce((SELECT sum(60 + octet_length("person_name")) FROM "video_person" WHERE "analysis_id" = v."id"), 0);

-- The change log: tables, triggers and functions that Prisma does not model (prisma.toml names them external).
--
-- One row for each change, in the change's own transaction, whoever makes it. `image` is what was there before an
-- update or a deletion, as JSON by the names of schema.prisma; versions that are long past lose it. The row of
-- version n+1 has the image of version n.
--
-- The service says in video_analysis.written who writes: [version, action, actor, request id], as JSON. It is taken
-- only for the version that it names, so that another program's change is not laid to whoever wrote before. Of a
-- deletion it says so in the setting memory_mirror.written of the transaction, without a version.
--
-- Numbers are not committed in their order. Who follows the log reads it in the order of (xid, number), and only below
-- the oldest transaction that still runs.

CREATE TABLE "change_log" (
    "number" BIGINT GENERATED ALWAYS AS IDENTITY,
    "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    "at" TIMESTAMP(3) NOT NULL,
    "actor" TEXT,
    "action" TEXT NOT NULL,
    "request_id" TEXT,
    "kind" TEXT NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "version" INTEGER,
    "image" TEXT,

    CONSTRAINT "change_log_pkey" PRIMARY KEY ("xid", "number")
);
CREATE UNIQUE INDEX "change_log_of" ON "change_log" ("kind", "name", "version");
CREATE INDEX "change_log_deletions" ON "change_log" ("xid", "number") WHERE "action" = 'delete';

INSERT INTO "change_log" ("at", "action", "kind", "name", "version")
SELECT "created_at", 'create', 'video', "video_id", 1 FROM "video_analysis" ORDER BY "created_at", "id";

-- A video that was deleted goes on from its last version: an old ETag never names a new record. The service asks for
-- that version only when it must: with one that has been, its record is refused by the log's unique index.
CREATE FUNCTION "change_log_begin"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW."version" := 1 + coalesce((
        SELECT max("version") FROM "change_log" WHERE "kind" = 'video' AND "name" = NEW."video_id"
    ), 0);
    RETURN NEW;
END $$;
CREATE TRIGGER "change_log_begin" BEFORE INSERT ON "video_analysis"
    FOR EACH ROW WHEN (NEW."written" IS NULL) EXECUTE FUNCTION "change_log_begin"();

CREATE FUNCTION "change_log_created"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version")
    SELECT "created_at", coalesce("by" ->> 1, 'create'), "by" ->> 2, "by" ->> 3, 'video', "video_id",
        greatest("version", (
            SELECT max("version") FROM "change_log" WHERE "kind" = 'video' AND "name" = "video_id"
        ))
    FROM (SELECT *, "written"::json AS "by" FROM created OFFSET 0) AS created;
    RETURN NULL;
END $$;
CREATE TRIGGER "change_log_created" AFTER INSERT ON "video_analysis" REFERENCING NEW TABLE AS created
    FOR EACH STATEMENT EXECUTE FUNCTION "change_log_created"();

CREATE FUNCTION "change_log_image"("v" "video_analysis") RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', v."id", 'description', v."description", 'createdAt', v."created_at", 'updatedAt', v."updated_at",
        'title', v."title", 'recordedDate', v."recorded_date", 'age', v."age", 'location', v."location",
        'country', v."country", 'mood', v."mood", 'eventType', v."event_type", 'duration', v."duration"::text,
        'extra', v."extra", 'sources', v."sources",
        'tags', (SELECT json_agg("tag_name" ORDER BY "position") FROM "video_tag" WHERE "analysis_id" = v."id"),
        'people', (SELECT json_agg("person_name" ORDER BY "position") FROM "video_person" WHERE "analysis_id" = v."id"),
        'segments', (SELECT json_agg(json_build_array("start"::text, "end"::text, "text") ORDER BY "position")
            FROM "segment" WHERE "analysis_id" = v."id")
    )::text
$$;

-- Also counts versions for programs that do not know of them.
CREATE FUNCTION "change_log_updated"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "by" json := NEW."written"::json;
BEGIN
    IF ("by" ->> 0)::integer IS DISTINCT FROM OLD."version" + 1 THEN
        "by" := NULL;
    END IF;
    NEW."version" := OLD."version" + 1;
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version", "image")
    VALUES (
        CASE WHEN NEW."updated_at" = OLD."updated_at" THEN now() AT TIME ZONE 'UTC' ELSE NEW."updated_at" END,
        coalesce("by" ->> 1, 'update'), "by" ->> 2, "by" ->> 3, 'video', OLD."video_id", NEW."version",
        "change_log_image"(OLD)
    );
    RETURN NEW;
END $$;
CREATE TRIGGER "change_log_updated" BEFORE UPDATE OF
    "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis" FOR EACH ROW EXECUTE FUNCTION "change_log_updated"();

CREATE FUNCTION "change_log_deleted"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "by" json := nullif(current_setting('memory_mirror.written', true), '')::json;
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version", "image")
    VALUES (
        now() AT TIME ZONE 'UTC', coalesce("by" ->> 1, 'delete'), "by" ->> 2, "by" ->> 3, 'video', OLD."video_id",
        OLD."version" + 1, "change_log_image"(OLD)
    );
    RETURN OLD;
END $$;
CREATE TRIGGER "change_log_deleted" BEFORE DELETE ON "video_analysis"
    FOR EACH ROW EXECUTE FUNCTION "change_log_deleted"();
