-- CreateTable
CREATE TABLE "video_analysis" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "video_id" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "title" TEXT,
    "recorded_date" TEXT,
    "age" INTEGER,
    "location" TEXT,
    "country" TEXT,
    "mood" TEXT,
    "event_type" TEXT,
    "duration" REAL,
    "extra" TEXT,
    "has_relations" BOOLEAN NOT NULL DEFAULT false,
    "search_terms" TEXT,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "tag" (
    "name" TEXT NOT NULL PRIMARY KEY
);

-- CreateTable
CREATE TABLE "video_tag" (
    "analysis_id" TEXT NOT NULL,
    "tag_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,

    PRIMARY KEY ("analysis_id", "tag_name"),
    CONSTRAINT "video_tag_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "video_tag_tag_name_fkey" FOREIGN KEY ("tag_name") REFERENCES "tag" ("name") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "person" (
    "name" TEXT NOT NULL PRIMARY KEY
);

-- CreateTable
CREATE TABLE "video_person" (
    "analysis_id" TEXT NOT NULL,
    "person_name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,

    PRIMARY KEY ("analysis_id", "person_name"),
    CONSTRAINT "video_person_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "video_person_person_name_fkey" FOREIGN KEY ("person_name") REFERENCES "person" ("name") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "segment" (
    "analysis_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    "text" TEXT NOT NULL,

    PRIMARY KEY ("analysis_id", "position"),
    CONSTRAINT "segment_analysis_id_fkey" FOREIGN KEY ("analysis_id") REFERENCES "video_analysis" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "video_analysis_video_id_key" ON "video_analysis"("video_id");

-- CreateIndex
CREATE INDEX "video_analysis_created_at_id_idx" ON "video_analysis"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "video_analysis_updated_at_id_idx" ON "video_analysis"("updated_at", "id");

-- CreateIndex
CREATE INDEX "video_analysis_recorded_date_id_idx" ON "video_analysis"("recorded_date", "id");

-- CreateIndex
CREATE INDEX "video_tag_tag_name_created_at_analysis_id_idx" ON "video_tag"("tag_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_person_person_name_created_at_analysis_id_idx" ON "video_person"("person_name", "created_at", "analysis_id");

-- The list's filters, in its default order. Most videos have none of these values, and take no space in these
-- indexes. Prisma's schema has no partial indexes, so these are in the migrations alone.
CREATE INDEX "video_analysis_location_created_at_id_idx" ON "video_analysis"("location", "created_at", "id") WHERE "location" IS NOT NULL;
CREATE INDEX "video_analysis_country_created_at_id_idx" ON "video_analysis"("country", "created_at", "id") WHERE "country" IS NOT NULL;
CREATE INDEX "video_analysis_mood_created_at_id_idx" ON "video_analysis"("mood", "created_at", "id") WHERE "mood" IS NOT NULL;
CREATE INDEX "video_analysis_event_type_created_at_id_idx" ON "video_analysis"("event_type", "created_at", "id") WHERE "event_type" IS NOT NULL;

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

CREATE TABLE "search_queue" ("id" INTEGER PRIMARY KEY, "video_id" TEXT NOT NULL);

CREATE TRIGGER "search_enqueue_created" AFTER INSERT ON "video_analysis" WHEN NEW."search_terms" IS NOT NULL
BEGIN
    INSERT INTO "search_queue" ("video_id") VALUES (NEW."video_id");
END;

CREATE TRIGGER "search_enqueue_updated" AFTER UPDATE OF "search_terms", "video_id" ON "video_analysis"
BEGIN
    INSERT INTO "search_queue" ("video_id") SELECT OLD."video_id" UNION SELECT NEW."video_id";
END;

CREATE TRIGGER "search_enqueue_deleted" AFTER DELETE ON "video_analysis"
BEGIN
    INSERT INTO "search_queue" ("video_id") VALUES (OLD."video_id");
END;

CREATE TABLE "search_document" (
    "id" INTEGER PRIMARY KEY,
    "video_id" TEXT NOT NULL UNIQUE,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "facets" TEXT NOT NULL DEFAULT ''
);
-- Of the many documents that a query may name, the shortest are ranked. Their lengths are read here, some twenty
-- bytes for each document, and not from the documents themselves. New documents come last: a write is cheap.
CREATE INDEX "search_document_lengths" ON "search_document" ("id", "length", "video_id");

CREATE VIRTUAL TABLE "search_index" USING fts5 (
    "terms", content = 'search_document', content_rowid = 'id', tokenize = 'ascii', detail = 'none', columnsize = 0
);

-- In how many documents each term occurs; the number of documents and their length.
CREATE TABLE "search_term" ("term" TEXT NOT NULL PRIMARY KEY, "documents" INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE "search_total" ("id" INTEGER PRIMARY KEY CHECK ("id" = 1), "documents" INTEGER NOT NULL, "length" INTEGER NOT NULL);
INSERT INTO "search_total" VALUES (1, 0, 0);

-- Documents are inserted and deleted, never updated.
CREATE TRIGGER "search_document_inserted" AFTER INSERT ON "search_document"
BEGIN
    INSERT INTO "search_index" (rowid, "terms") VALUES (NEW."id", NEW."terms");
    UPDATE "search_total" SET "documents" = "documents" + 1, "length" = "length" + NEW."length";
END;

CREATE TRIGGER "search_document_deleted" AFTER DELETE ON "search_document"
BEGIN
    INSERT INTO "search_index" ("search_index", rowid, "terms") VALUES ('delete', OLD."id", OLD."terms");
    UPDATE "search_total" SET "documents" = "documents" - 1, "length" = "length" - OLD."length";
END;
