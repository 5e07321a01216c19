-- Whose everything is. What there was before is the owner `default`'s, as is all that other programs write without a
-- word about it. Nobody knows of what is another's, so all that was unique is so for each owner, and every index begins
-- with the owner.

-- They name tables that are made anew below.
DROP TRIGGER "search_enqueue_created";
DROP TRIGGER "search_enqueue_updated";
DROP TRIGGER "search_enqueue_deleted";
DROP TRIGGER "change_log_begin";
DROP TRIGGER "change_log_created";
DROP TRIGGER "change_log_updated";
DROP TRIGGER "change_log_version";
DROP TRIGGER "change_log_deleted";

PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;

ALTER TABLE "video_analysis" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default';
DROP INDEX "video_analysis_video_id_key";
CREATE UNIQUE INDEX "video_analysis_owner_video_id_key" ON "video_analysis"("owner", "video_id");
DROP INDEX "video_analysis_created_at_id_idx";
CREATE INDEX "video_analysis_owner_created_at_id_idx" ON "video_analysis"("owner", "created_at" DESC, "id" DESC);
DROP INDEX "video_analysis_updated_at_id_idx";
CREATE INDEX "video_analysis_owner_updated_at_id_idx" ON "video_analysis"("owner", "updated_at", "id");
DROP INDEX "video_analysis_recorded_date_id_idx";
CREATE INDEX "video_analysis_owner_recorded_date_id_idx" ON "video_analysis"("owner", "recorded_date", "id");
DROP INDEX "video_analysis_location_created_at_id_idx";
CREATE INDEX "video_analysis_owner_location_created_at_id_idx" ON "video_analysis"("owner", "location", "created_at", "id") WHERE "location" IS NOT NULL;
DROP INDEX "video_analysis_country_created_at_id_idx";
CREATE INDEX "video_analysis_owner_country_created_at_id_idx" ON "video_analysis"("owner", "country", "created_at", "id") WHERE "country" IS NOT NULL;
DROP INDEX "video_analysis_mood_created_at_id_idx";
CREATE INDEX "video_analysis_owner_mood_created_at_id_idx" ON "video_analysis"("owner", "mood", "created_at", "id") WHERE "mood" IS NOT NULL;
DROP INDEX "video_analysis_event_type_created_at_id_idx";
CREATE INDEX "video_analysis_owner_event_type_created_at_id_idx" ON "video_analysis"("owner", "event_type", "created_at", "id") WHERE "event_type" IS NOT NULL;
DROP INDEX "video_analysis_search_entry_to_make";
CREATE INDEX "video_analysis_search_entry_to_make" ON "video_analysis"("owner", "id") WHERE "search_terms" = '';

ALTER TABLE "segment" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default';

CREATE TABLE "new_person" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "name" TEXT NOT NULL,

    PRIMARY KEY ("owner", "name")
);
INSERT INTO "new_person" ("name") SELECT "name" FROM "person";
DROP TABLE "person";
ALTER TABLE "new_person" RENAME TO "person";
CREATE TABLE "new_tag" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "name" TEXT NOT NULL,

    PRIMARY KEY ("owner", "name")
);
INSERT INTO "new_tag" ("name") SELECT "name" FROM "tag";
DROP TABLE "tag";
ALTER TABLE "new_tag" RENAME TO "tag";
CREATE TABLE "new_video_person" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "analysis_id" TEXT NOT NULL,
    "person_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,

    PRIMARY KEY ("analysis_id", "person_name"),
    CONSTRAINT "video_person_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "video_person_owner_person_name_fkey" FOREIGN KEY ("owner", "person_name") REFERENCES "person" ("owner", "name") ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "new_video_person" ("analysis_id", "created_at", "person_name", "position") SELECT "analysis_id", "created_at", "person_name", "position" FROM "video_person";
DROP TABLE "video_person";
ALTER TABLE "new_video_person" RENAME TO "video_person";
CREATE INDEX "video_person_owner_person_name_created_at_analysis_id_idx" ON "video_person"("owner", "person_name", "created_at", "analysis_id");
CREATE TABLE "new_video_tag" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "analysis_id" TEXT NOT NULL,
    "tag_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,

    PRIMARY KEY ("analysis_id", "tag_name"),
    CONSTRAINT "video_tag_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "video_tag_owner_tag_name_fkey" FOREIGN KEY ("owner", "tag_name") REFERENCES "tag" ("owner", "name") ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "new_video_tag" ("analysis_id", "created_at", "position", "tag_name") SELECT "analysis_id", "created_at", "position", "tag_name" FROM "video_tag";
DROP TABLE "video_tag";
ALTER TABLE "new_video_tag" RENAME TO "video_tag";
CREATE INDEX "video_tag_owner_tag_name_created_at_analysis_id_idx" ON "video_tag"("owner", "tag_name", "created_at", "analysis_id");
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;

-- The search index: each owner has one of its own, with statistics of its own.

CREATE TABLE "new_search_queue" (
    "id" INTEGER PRIMARY KEY,
    "owner" TEXT NOT NULL DEFAULT 'default',
    "video_id" TEXT NOT NULL
);
INSERT INTO "new_search_queue" ("id", "video_id") SELECT "id", "video_id" FROM "search_queue";
DROP TABLE "search_queue";
ALTER TABLE "new_search_queue" RENAME TO "search_queue";
CREATE INDEX "search_queue_owner" ON "search_queue" ("owner", "id");

CREATE TABLE "new_search_document" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "id" INTEGER NOT NULL,
    "video_id" TEXT NOT NULL,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "facets" TEXT NOT NULL DEFAULT '',

    PRIMARY KEY ("owner", "id"),
    UNIQUE ("owner", "video_id")
);
INSERT INTO "new_search_document" ("id", "video_id", "length", "terms", "facets")
SELECT "id", "video_id", "length", "terms", "facets" FROM "search_document" ORDER BY "id";
DROP TABLE "search_document";
ALTER TABLE "new_search_document" RENAME TO "search_document";

CREATE TABLE "new_search_segment" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "id" INTEGER NOT NULL,
    "documents" INTEGER NOT NULL,
    "postings" INTEGER NOT NULL,
    "shift" INTEGER NOT NULL,
    "members" BLOB NOT NULL,

    PRIMARY KEY ("owner", "id")
);
INSERT INTO "new_search_segment" ("id", "documents", "postings", "shift", "members")
SELECT "id", "documents", "postings", "shift", "members" FROM "search_segment";
DROP TABLE "search_segment";
ALTER TABLE "new_search_segment" RENAME TO "search_segment";

CREATE TABLE "new_search_postings" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "segment" INTEGER NOT NULL,
    "bucket" INTEGER NOT NULL,
    "postings" BLOB NOT NULL,

    PRIMARY KEY ("owner", "segment", "bucket")
);
INSERT INTO "new_search_postings" ("segment", "bucket", "postings")
SELECT "segment", "bucket", "postings" FROM "search_postings" ORDER BY "segment", "bucket";
DROP TABLE "search_postings";
ALTER TABLE "new_search_postings" RENAME TO "search_postings";

CREATE TABLE "new_search_term" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "term" TEXT NOT NULL,
    "documents" INTEGER NOT NULL,

    PRIMARY KEY ("owner", "term")
) WITHOUT ROWID;
INSERT INTO "new_search_term" ("term", "documents") SELECT "term", "documents" FROM "search_term";
DROP TABLE "search_term";
ALTER TABLE "new_search_term" RENAME TO "search_term";

-- An owner's row is made when there is something to be indexed. Its columns: see the migration `search_postings`.
CREATE TABLE "new_search_total" (
    "owner" TEXT NOT NULL PRIMARY KEY DEFAULT 'default',
    "documents" INTEGER NOT NULL DEFAULT 0,
    "length" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 0,
    "last_document" INTEGER NOT NULL DEFAULT 0,
    "last_segment" INTEGER NOT NULL DEFAULT 0,
    "merging" INTEGER NOT NULL DEFAULT 0,
    "merging_until" INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "new_search_total"
    ("documents", "length", "version", "last_document", "last_segment", "merging", "merging_until")
SELECT "documents", "length", "version", "last_document", "last_segment", "merging", "merging_until"
FROM "search_total";
DROP TABLE "search_total";
ALTER TABLE "new_search_total" RENAME TO "search_total";

CREATE TRIGGER "search_enqueue_created" AFTER INSERT ON "video_analysis" WHEN NEW."search_terms" IS NOT NULL
BEGIN
    INSERT INTO "search_queue" ("owner", "video_id") VALUES (NEW."owner", NEW."video_id");
END;

CREATE TRIGGER "search_enqueue_updated" AFTER UPDATE OF "search_terms", "video_id", "owner" ON "video_analysis"
BEGIN
    INSERT INTO "search_queue" ("owner", "video_id")
    SELECT OLD."owner", OLD."video_id" UNION SELECT NEW."owner", NEW."video_id";
END;

CREATE TRIGGER "search_enqueue_deleted" AFTER DELETE ON "video_analysis"
BEGIN
    INSERT INTO "search_queue" ("owner", "video_id") VALUES (OLD."owner", OLD."video_id");
END;

-- The change log.

ALTER TABLE "change_log" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default';
DROP INDEX "change_log_of";
CREATE UNIQUE INDEX "change_log_of" ON "change_log" ("owner", "kind", "name", "version");
DROP INDEX "change_log_deletions";
CREATE INDEX "change_log_deletions" ON "change_log" ("owner", "number") WHERE "action" = 'delete';
CREATE INDEX "change_log_owner" ON "change_log" ("owner", "number");

CREATE TRIGGER "change_log_begin" AFTER INSERT ON "video_analysis" WHEN NEW."written" IS NULL
BEGIN
    UPDATE "video_analysis" SET "version" = 1 + (
        SELECT coalesce(max("version"), 0) FROM "change_log"
        WHERE "owner" = NEW."owner" AND "kind" = 'video' AND "name" = NEW."video_id"
    ) WHERE "id" = NEW."id";
    INSERT INTO "change_log" ("owner", "at", "action", "kind", "name", "version")
    SELECT "owner", "created_at", 'create', 'video', "video_id", "version" FROM "video_analysis" WHERE "id" = NEW."id";
END;

CREATE TRIGGER "change_log_created" AFTER INSERT ON "video_analysis" WHEN NEW."written" IS NOT NULL
BEGIN
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version")
    VALUES (
        NEW."owner", max(NEW."created_at", NEW."updated_at"), coalesce(NEW."written" ->> 1, 'create'), NEW."written" ->> 2,
        NEW."written" ->> 3, 'video', NEW."video_id", max(NEW."version", coalesce((
            SELECT max("version") FROM "change_log"
            WHERE "owner" = NEW."owner" AND "kind" = 'video' AND "name" = NEW."video_id"
        ), 0))
    );
END;

CREATE TRIGGER "change_log_updated" BEFORE UPDATE OF
    "owner", "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis"
BEGIN
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version", "image")
    SELECT
        OLD."owner", CASE WHEN NEW."updated_at" = OLD."updated_at" THEN strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')
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

CREATE TRIGGER "change_log_version" AFTER UPDATE OF
    "owner", "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis" WHEN NEW."version" = OLD."version"
BEGIN
    UPDATE "video_analysis" SET "version" = OLD."version" + 1 WHERE "id" = NEW."id";
END;

CREATE TRIGGER "change_log_deleted" BEFORE DELETE ON "video_analysis"
BEGIN
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version", "image")
    SELECT OLD."owner", strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'),
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

CREATE TABLE "new_idempotency_key" (
    "owner" TEXT NOT NULL DEFAULT 'default',
    "caller" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "at" DATETIME NOT NULL,

    PRIMARY KEY ("owner", "caller", "key")
) WITHOUT ROWID;
INSERT INTO "new_idempotency_key" ("caller", "key", "fingerprint", "outcome", "at")
SELECT "caller", "key", "fingerprint", "outcome", "at" FROM "idempotency_key";
DROP TABLE "idempotency_key";
ALTER TABLE "new_idempotency_key" RENAME TO "idempotency_key";
CREATE INDEX "idempotency_key_at" ON "idempotency_key" ("at");
