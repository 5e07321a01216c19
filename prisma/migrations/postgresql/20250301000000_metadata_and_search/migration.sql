-- AlterTable
ALTER TABLE "video_analysis" ADD COLUMN     "age" INTEGER,
ADD COLUMN     "country" TEXT,
ADD COLUMN     "duration" DOUBLE PRECISION,
ADD COLUMN     "event_type" TEXT,
ADD COLUMN     "extra" TEXT,
ADD COLUMN     "has_relations" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "location" TEXT,
ADD COLUMN     "mood" TEXT,
ADD COLUMN     "recorded_date" TEXT,
ADD COLUMN     "search_terms" TEXT,
ADD COLUMN     "title" TEXT;

-- CreateTable
CREATE TABLE "tag" (
    "name" TEXT NOT NULL,

    CONSTRAINT "tag_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "video_tag" (
    "analysis_id" TEXT NOT NULL,
    "tag_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "video_tag_pkey" PRIMARY KEY ("analysis_id","tag_name")
);

-- CreateTable
CREATE TABLE "person" (
    "name" TEXT NOT NULL,

    CONSTRAINT "person_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "video_person" (
    "analysis_id" TEXT NOT NULL,
    "person_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "video_person_pkey" PRIMARY KEY ("analysis_id","person_name")
);

-- CreateTable
CREATE TABLE "segment" (
    "analysis_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "start" DOUBLE PRECISION NOT NULL,
    "end" DOUBLE PRECISION NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "segment_pkey" PRIMARY KEY ("analysis_id","position")
);

-- CreateIndex
CREATE INDEX "video_tag_tag_name_created_at_analysis_id_idx" ON "video_tag"("tag_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_person_person_name_created_at_analysis_id_idx" ON "video_person"("person_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_analysis_updated_at_id_idx" ON "video_analysis"("updated_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_recorded_date_id_idx" ON "video_analysis"("recorded_date", "id");

-- CreateIndex
CREATE INDEX "video_analysis_location_created_at_id_idx" ON "video_analysis"("location", "created_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_country_created_at_id_idx" ON "video_analysis"("country", "created_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_mood_created_at_id_idx" ON "video_analysis"("mood", "created_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_event_type_created_at_id_idx" ON "video_analysis"("event_type", "created_at", "id");

-- AddForeignKey
ALTER TABLE "video_tag" ADD CONSTRAINT "video_tag_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "video_tag" ADD CONSTRAINT "video_tag_tag_name_fkey" FOREIGN KEY ("tag_name") REFERENCES "tag"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "video_person" ADD CONSTRAINT "video_person_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "video_person" ADD CONSTRAINT "video_person_person_name_fkey" FOREIGN KEY ("person_name") REFERENCES "person"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "segment" ADD CONSTRAINT "segment_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The search index: tables and triggers that Prisma does not model (prisma.toml names them external).
--
-- Words are reduced to terms by the service (backend/core/search/analysis.py), the same for every
-- database. It writes them into video_analysis.search_terms together with the text, as
-- "<number of words> <term> <term> ..."; the triggers take them from there. So record and index are
-- written by one statement. A term that occurs more than once is followed by itself and one sign
-- that stands for the number.

-- Of the records that there are: triggers see to it, at less cost than a foreign key, which would look each up again.
CREATE TABLE "search_document" (
    "video_id" TEXT NOT NULL PRIMARY KEY,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "vector" TSVECTOR NOT NULL GENERATED ALWAYS AS
        (array_to_tsvector(array_remove(string_to_array("terms", ' '), ''))) STORED
);
CREATE INDEX "search_document_length_idx" ON "search_document" ("length", "video_id" COLLATE "C");
-- A short list (KiB) of what is not yet sorted in: every search reads it, and a long one costs each writer less.
CREATE INDEX "search_document_vector_idx" ON "search_document" USING GIN ("vector") WITH (gin_pending_list_limit = 512);

-- In how many documents each term occurs; the number of documents and their length.
CREATE TABLE "search_term" ("term" TEXT COLLATE "C" NOT NULL PRIMARY KEY, "documents" INTEGER NOT NULL);
CREATE TABLE "search_total" ("id" INTEGER PRIMARY KEY CHECK ("id" = 1), "documents" INTEGER NOT NULL, "length" BIGINT NOT NULL);
INSERT INTO "search_total" VALUES (1, 0, 0);

-- What those counts lack yet. Were they changed by every writer, all would wait for one another at the rows of
-- the commonest words; so a writer adds a row here, and every so often one of them adds these up.
CREATE TABLE "search_change" (
    "id" BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "documents" INTEGER NOT NULL,
    "length" INTEGER NOT NULL,
    "vector" TSVECTOR NOT NULL
);

CREATE FUNCTION "search_take_in"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "search_document" ("video_id", "length", "terms")
    VALUES (NEW."video_id", split_part(NEW."search_terms", ' ', 1)::integer,
            substr(NEW."search_terms", strpos(NEW."search_terms", ' ') + 1))
    ON CONFLICT ("video_id") DO UPDATE SET "length" = excluded."length", "terms" = excluded."terms";
    NEW."search_terms" := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER "search_take_in" BEFORE INSERT OR UPDATE OF "search_terms" ON "video_analysis"
    FOR EACH ROW WHEN (NEW."search_terms" IS NOT NULL) EXECUTE FUNCTION "search_take_in"();

CREATE FUNCTION "search_follow"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        UPDATE "search_document" SET "video_id" = NEW."video_id" WHERE "video_id" = OLD."video_id";
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM "search_document" WHERE "video_id" = OLD."video_id";
    ELSE
        TRUNCATE "search_document", "search_term", "search_change";
        UPDATE "search_total" SET "documents" = 0, "length" = 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_follow" AFTER DELETE ON "video_analysis"
    FOR EACH ROW EXECUTE FUNCTION "search_follow"();
CREATE TRIGGER "search_follow_renamed" AFTER UPDATE OF "video_id" ON "video_analysis"
    FOR EACH ROW WHEN (NEW."video_id" <> OLD."video_id") EXECUTE FUNCTION "search_follow"();
CREATE TRIGGER "search_follow_truncated" AFTER TRUNCATE ON "video_analysis" EXECUTE FUNCTION "search_follow"();

CREATE FUNCTION "search_add_up"() RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('memory-mirror search_add_up')) THEN
        RETURN; -- another transaction is at it
    END IF;
    -- From the first on: the table has many pages that were used once.
    WITH taken AS (DELETE FROM "search_change" WHERE "id" >= (SELECT min("id") FROM "search_change")
        RETURNING "documents", "length", "vector"),
    total AS (UPDATE "search_total" SET
        "documents" = "search_total"."documents" + (SELECT coalesce(sum("documents"), 0) FROM taken),
        "length" = "search_total"."length" + (SELECT coalesce(sum("length"), 0) FROM taken))
    UPDATE "search_term" SET "documents" = "search_term"."documents" + counted."documents"
    FROM (
        SELECT u."term", sum(taken."documents") AS "documents"
        FROM taken, unnest(tsvector_to_array(taken."vector")) AS u("term")
        GROUP BY u."term" HAVING sum(taken."documents") <> 0
    ) AS counted
    WHERE "search_term"."term" = counted."term" COLLATE "C";
END $$;

CREATE FUNCTION "search_count"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE change BIGINT;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO "search_change" ("documents", "length", "vector")
        VALUES (-1, -OLD."length", OLD."vector") RETURNING "id" INTO change;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        -- Known at once, for the words' beginnings and misspellings to be found; counted later. Each is looked
        -- up by itself: a join would read all terms that there are.
        INSERT INTO "search_term" ("term", "documents")
        SELECT u."term", 0 FROM unnest(tsvector_to_array(NEW."vector")) AS u("term")
        WHERE (SELECT true FROM "search_term" AS t WHERE t."term" = u."term" COLLATE "C") IS NULL
        ORDER BY u."term" COLLATE "C"
        ON CONFLICT DO NOTHING;
        INSERT INTO "search_change" ("documents", "length", "vector")
        VALUES (1, NEW."length", NEW."vector") RETURNING "id" INTO change;
    END IF;
    -- The service does it more often, beside its requests (backend/core/search/upkeep.py).
    IF change % 1024 = 0 THEN
        PERFORM "search_add_up"();
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_count" AFTER INSERT OR UPDATE OR DELETE ON "search_document"
    FOR EACH ROW EXECUTE FUNCTION "search_count"();
