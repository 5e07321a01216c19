-- CreateTable
CREATE TABLE "video_analysis" (
    "id" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "title" TEXT,
    "recorded_date" TEXT,
    "age" INTEGER,
    "location" TEXT,
    "country" TEXT,
    "mood" TEXT,
    "event_type" TEXT,
    "duration" DOUBLE PRECISION,
    "extra" TEXT,
    "has_relations" BOOLEAN NOT NULL DEFAULT false,
    "search_terms" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "video_analysis_pkey" PRIMARY KEY ("id")
);

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
CREATE UNIQUE INDEX "video_analysis_video_id_key" ON "video_analysis"("video_id");

-- CreateIndex
CREATE INDEX "video_analysis_created_at_id_idx" ON "video_analysis"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "video_tag_tag_name_created_at_analysis_id_idx" ON "video_tag"("tag_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_person_person_name_created_at_analysis_id_idx" ON "video_person"("person_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_analysis_updated_at_id_idx" ON "video_analysis"("updated_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_recorded_date_id_idx" ON "video_analysis"("recorded_date", "id");

-- The list's filters, in its default order. Most videos have none of these values, and take no space in these
-- indexes. Prisma's schema has no partial indexes, so these are in the migrations alone.
CREATE INDEX "video_analysis_location_created_at_id_idx" ON "video_analysis"("location", "created_at", "id") WHERE "location" IS NOT NULL;
CREATE INDEX "video_analysis_country_created_at_id_idx" ON "video_analysis"("country", "created_at", "id") WHERE "country" IS NOT NULL;
CREATE INDEX "video_analysis_mood_created_at_id_idx" ON "video_analysis"("mood", "created_at", "id") WHERE "mood" IS NOT NULL;
CREATE INDEX "video_analysis_event_type_created_at_id_idx" ON "video_analysis"("event_type", "created_at", "id") WHERE "event_type" IS NOT NULL;

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

-- The search index: tables, triggers and functions that Prisma does not model (prisma.toml names them external).
--
-- Words are reduced to terms by the service (backend/text/analysis.py), the same for every database. What the
-- index is to hold of a record is written with it, in video_analysis.search_terms (backend/text/entry.py):
--
--     <number of words> <term> <term> ... <term of the length>
--     {"tags": [...], "people": [...], "location": [...], "event_type": [...]}
--
-- or nothing ('') where it is to be made anew, which the service does before the next search. NULL: search does
-- not know the record.
--
-- The index is brought up to date for many records at once, which costs a fraction of keeping it row by row. A
-- record's own transaction puts its video_id into search_queue, by triggers, whoever writes it. The service
-- applies the queue to search_document, which is the index (backend/search/indexer.py): beside its requests,
-- and before it answers a search.

CREATE INDEX "video_analysis_search_entry_to_make" ON "video_analysis"("id") WHERE "search_terms" = '';

-- PostgreSQL vacuums deleted rows much later, and until then whoever looks for the first entries goes through all
-- that were there. So an entry says which transaction left it, and search_total.applied_before says where to begin.
CREATE TABLE "search_queue" (
    "id" BIGINT GENERATED ALWAYS AS IDENTITY,
    "video_id" TEXT NOT NULL,
    "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT "search_queue_pkey" PRIMARY KEY ("xid", "id")
);

CREATE FUNCTION "search_enqueue"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO "search_queue" ("video_id") VALUES (OLD."video_id");
    END IF;
    IF TG_OP <> 'DELETE' AND OLD."video_id" IS DISTINCT FROM NEW."video_id" THEN
        INSERT INTO "search_queue" ("video_id") VALUES (NEW."video_id");
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_enqueue_created" AFTER INSERT ON "video_analysis"
    FOR EACH ROW WHEN (NEW."search_terms" IS NOT NULL) EXECUTE FUNCTION "search_enqueue"();
CREATE TRIGGER "search_enqueue_changed" AFTER UPDATE OF "search_terms", "video_id" OR DELETE ON "video_analysis"
    FOR EACH ROW EXECUTE FUNCTION "search_enqueue"();

CREATE TABLE "search_document" (
    "video_id" TEXT NOT NULL PRIMARY KEY,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "facets" TEXT NOT NULL DEFAULT '',
    "vector" TSVECTOR NOT NULL GENERATED ALWAYS AS
        (array_to_tsvector(array_remove(string_to_array("terms", ' '), ''))) STORED
);
-- The pending list (KiB) of what is not yet sorted in. GIN writes the documents of a term anew wherever it sorts
-- some in, so many at once cost less each; a search reads a full list in 2 ms. When nothing more is written, the
-- service sorts in what there is.
CREATE INDEX "search_document_vector_idx" ON "search_document" USING GIN ("vector") WITH (gin_pending_list_limit = 2048);

-- In how many documents each term occurs; the number of documents and their length.
CREATE TABLE "search_term" ("term" TEXT COLLATE "C" NOT NULL PRIMARY KEY, "documents" INTEGER NOT NULL);
CREATE TABLE "search_total" (
    "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
    "documents" INTEGER NOT NULL,
    "length" BIGINT NOT NULL,
    -- The queue is applied up to this transaction: the oldest that may still leave an entry.
    "applied_before" xid8 NOT NULL DEFAULT '0'
);
INSERT INTO "search_total" VALUES (1, 0, 0);

CREATE FUNCTION "search_clear"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE "search_queue", "search_document", "search_term";
    UPDATE "search_total" SET "documents" = 0, "length" = 0;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_clear" AFTER TRUNCATE ON "video_analysis" EXECUTE FUNCTION "search_clear"();
