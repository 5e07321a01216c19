-- Whose everything is. What there was before is the owner `default`'s, as is all that other programs write without a
-- word about it. Nobody knows of what is another's, so all that was unique is so for each owner, and every index begins
-- with the owner.

-- DropForeignKey
ALTER TABLE "video_person" DROP CONSTRAINT "video_person_person_name_fkey";

-- DropForeignKey
ALTER TABLE "video_tag" DROP CONSTRAINT "video_tag_tag_name_fkey";

-- DropIndex
DROP INDEX "video_analysis_created_at_id_idx";

-- DropIndex
DROP INDEX "video_analysis_recorded_date_id_idx";

-- DropIndex
DROP INDEX "video_analysis_updated_at_id_idx";

-- DropIndex
DROP INDEX "video_analysis_video_id_key";

-- DropIndex
DROP INDEX "video_person_person_name_created_at_analysis_id_idx";

-- DropIndex
DROP INDEX "video_tag_tag_name_created_at_analysis_id_idx";

-- AlterTable
ALTER TABLE "person" DROP CONSTRAINT "person_pkey",
ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default',
ADD CONSTRAINT "person_pkey" PRIMARY KEY ("owner", "name");

-- AlterTable
ALTER TABLE "segment" ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default';

-- AlterTable
ALTER TABLE "tag" DROP CONSTRAINT "tag_pkey",
ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default',
ADD CONSTRAINT "tag_pkey" PRIMARY KEY ("owner", "name");

-- AlterTable
ALTER TABLE "video_analysis" ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default';

-- AlterTable
ALTER TABLE "video_person" ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default';

-- AlterTable
ALTER TABLE "video_tag" ADD COLUMN     "owner" TEXT NOT NULL DEFAULT 'default';

-- CreateIndex
CREATE INDEX "video_analysis_owner_created_at_id_idx" ON "video_analysis"("owner", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "video_analysis_owner_updated_at_id_idx" ON "video_analysis"("owner", "updated_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_owner_recorded_date_id_idx" ON "video_analysis"("owner", "recorded_date", "id");

-- CreateIndex
CREATE UNIQUE INDEX "video_analysis_owner_video_id_key" ON "video_analysis"("owner", "video_id");

-- CreateIndex
CREATE INDEX "video_person_owner_person_name_created_at_analysis_id_idx" ON "video_person"("owner", "person_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_tag_owner_tag_name_created_at_analysis_id_idx" ON "video_tag"("owner", "tag_name", "created_at", "analysis_id");

-- AddForeignKey
ALTER TABLE "video_tag" ADD CONSTRAINT "video_tag_owner_tag_name_fkey" FOREIGN KEY ("owner", "tag_name") REFERENCES "tag"("owner", "name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "video_person" ADD CONSTRAINT "video_person_owner_person_name_fkey" FOREIGN KEY ("owner", "person_name") REFERENCES "person"("owner", "name") ON DELETE CASCADE ON UPDATE CASCADE;

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

-- The search index: each owner has one of its own, with statistics of its own.

ALTER TABLE "search_queue" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "search_queue_pkey", ADD CONSTRAINT "search_queue_pkey" PRIMARY KEY ("owner", "xid", "id");
ALTER TABLE "search_document" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "search_document_pkey", ADD CONSTRAINT "search_document_pkey" PRIMARY KEY ("owner", "id"),
    DROP CONSTRAINT "search_document_video_id_key",
    ADD CONSTRAINT "search_document_owner_video_id_key" UNIQUE ("owner", "video_id");
ALTER TABLE "search_segment" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "search_segment_pkey", ADD CONSTRAINT "search_segment_pkey" PRIMARY KEY ("owner", "id");
ALTER TABLE "search_postings" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "search_postings_pkey",
    ADD CONSTRAINT "search_postings_pkey" PRIMARY KEY ("owner", "segment", "bucket");
ALTER TABLE "search_term" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "search_term_pkey", ADD CONSTRAINT "search_term_pkey" PRIMARY KEY ("owner", "term");
-- An owner's row is made when there is something to be indexed.
ALTER TABLE "search_total" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP COLUMN "id", ADD CONSTRAINT "search_total_pkey" PRIMARY KEY ("owner");

CREATE OR REPLACE FUNCTION "search_enqueue"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO "search_queue" ("owner", "video_id") VALUES (OLD."owner", OLD."video_id");
    END IF;
    IF TG_OP <> 'DELETE' AND (OLD."owner", OLD."video_id") IS DISTINCT FROM (NEW."owner", NEW."video_id") THEN
        INSERT INTO "search_queue" ("owner", "video_id") VALUES (NEW."owner", NEW."video_id");
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER "search_enqueue_changed" ON "video_analysis";
CREATE TRIGGER "search_enqueue_changed"
    AFTER UPDATE OF "search_terms", "video_id", "owner" OR DELETE ON "video_analysis"
    FOR EACH ROW EXECUTE FUNCTION "search_enqueue"();

CREATE OR REPLACE FUNCTION "search_clear"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "before" text := current_setting('memory_mirror.owner', true);
BEGIN
    TRUNCATE "search_queue", "search_document", "search_term", "search_segment", "search_postings";
    PERFORM set_config('memory_mirror.owner', '*', true);
    UPDATE "search_total" SET "documents" = 0, "length" = 0, "version" = "version" + 1, "merging" = 0;
    PERFORM set_config('memory_mirror.owner', coalesce("before", ''), true);
    RETURN NULL;
END $$;

-- The change log.

ALTER TABLE "change_log" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default';
DROP INDEX "change_log_of";
CREATE UNIQUE INDEX "change_log_of" ON "change_log" ("owner", "kind", "name", "version");
DROP INDEX "change_log_deletions";
CREATE INDEX "change_log_deletions" ON "change_log" ("owner", "xid", "number") WHERE "action" = 'delete';
CREATE INDEX "change_log_owner" ON "change_log" ("owner", "xid", "number");

CREATE OR REPLACE FUNCTION "change_log_begin"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW."version" := 1 + coalesce((
        SELECT max("version") FROM "change_log"
        WHERE "owner" = NEW."owner" AND "kind" = 'video' AND "name" = NEW."video_id"
    ), 0);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION "change_log_created"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version")
    SELECT created."owner", greatest("created_at", "updated_at"), coalesce("by" ->> 1, 'create'), "by" ->> 2,
        "by" ->> 3, 'video', "video_id", greatest("version", (
            SELECT max("version") FROM "change_log" AS l
            WHERE l."owner" = created."owner" AND l."kind" = 'video' AND l."name" = "video_id"
        ))
    FROM (SELECT *, "written"::json AS "by" FROM created OFFSET 0) AS created;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION "change_log_updated"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "by" json := NEW."written"::json;
BEGIN
    IF ("by" ->> 0)::integer IS DISTINCT FROM OLD."version" + 1 THEN
        "by" := NULL;
    END IF;
    NEW."version" := OLD."version" + 1;
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version", "image")
    VALUES (
        OLD."owner",
        CASE WHEN NEW."updated_at" = OLD."updated_at" THEN now() AT TIME ZONE 'UTC' ELSE NEW."updated_at" END,
        coalesce("by" ->> 1, 'update'), "by" ->> 2, "by" ->> 3, 'video', OLD."video_id", NEW."version",
        "change_log_image"(OLD)
    );
    RETURN NEW;
END $$;
DROP TRIGGER "change_log_updated" ON "video_analysis";
CREATE TRIGGER "change_log_updated" BEFORE UPDATE OF
    "owner", "video_id", "description", "title", "recorded_date", "age", "location", "country", "mood", "event_type",
    "duration", "extra", "has_relations", "sources", "updated_at"
ON "video_analysis" FOR EACH ROW EXECUTE FUNCTION "change_log_updated"();

CREATE OR REPLACE FUNCTION "change_log_deleted"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "by" json := nullif(current_setting('memory_mirror.written', true), '')::json;
BEGIN
    INSERT INTO "change_log" ("owner", "at", "action", "actor", "request_id", "kind", "name", "version", "image")
    VALUES (
        OLD."owner", now() AT TIME ZONE 'UTC', coalesce("by" ->> 1, 'delete'), "by" ->> 2, "by" ->> 3, 'video',
        OLD."video_id", OLD."version" + 1, "change_log_image"(OLD)
    );
    RETURN OLD;
END $$;

ALTER TABLE "idempotency_key" ADD COLUMN "owner" TEXT NOT NULL DEFAULT 'default',
    DROP CONSTRAINT "idempotency_key_pkey",
    ADD CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("owner", "caller", "key");

-- Row-level security: a session sees and writes what belongs to the owner that it names in the setting
-- memory_mirror.owner, and nothing where it names none. `*` are all: for whoever looks after the whole database, such
-- as a migration that changes rows, which begins with SELECT set_config('memory_mirror.owner', '*', true). FORCE: for
-- the owner of the tables too. Superusers and roles with BYPASSRLS pass by, so the service takes the role
-- memory_mirror, which `memory-mirror setup` makes.

ALTER TABLE "video_analysis" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "video_analysis" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "video_analysis" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "tag" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "tag" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "tag" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "video_tag" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "video_tag" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "video_tag" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "person" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "person" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "person" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "video_person" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "video_person" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "video_person" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "segment" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "segment" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "segment" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_queue" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_queue" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_queue" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_document" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_document" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_document" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_segment" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_segment" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_segment" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_postings" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_postings" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_postings" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_term" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_term" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_term" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "search_total" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "search_total" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "search_total" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "change_log" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "change_log" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "change_log" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "idempotency_key" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "idempotency_key" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "idempotency_key" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "change_seal" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "change_seal" FORCE ROW LEVEL SECURITY;
CREATE POLICY "all_owners" ON "change_seal" USING (current_setting('memory_mirror.owner', true) = '*');

ALTER TABLE "change_follower" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "change_follower" FORCE ROW LEVEL SECURITY;
CREATE POLICY "all_owners" ON "change_follower" USING (current_setting('memory_mirror.owner', true) = '*');
