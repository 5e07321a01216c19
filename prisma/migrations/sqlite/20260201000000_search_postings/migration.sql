-- The search index becomes segments of postings, of which the service adds up the scores itself
-- (backend/search/postings.py). video_analysis.search_terms now holds (backend/text/entry.py):
--
--     <number of words> <term> <term> ...
--     a sign for each term: how often it occurs
--     {"tags": [...], "people": [...], "location": [...], "event_type": [...]}
--
-- All entries are marked here ('') to be made anew, which the service does before the next search.

DROP TRIGGER "search_document_inserted";
DROP TRIGGER "search_document_deleted";
DROP TABLE "search_index";
DROP TABLE "search_document";
DROP TABLE "search_total";
DELETE FROM "search_term";

-- The documents that there are, each with an id that no other had before: a record that is changed is a new one.
CREATE TABLE "search_document" (
    "id" INTEGER PRIMARY KEY,
    "video_id" TEXT NOT NULL UNIQUE,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "facets" TEXT NOT NULL DEFAULT ''
);

-- Segments are made, and merged into new ones, never changed. They keep what they have of documents that are
-- gone until they are merged. One that is not listed here is being made.
CREATE TABLE "search_segment" (
    "id" INTEGER PRIMARY KEY,
    "documents" INTEGER NOT NULL,
    "postings" INTEGER NOT NULL,
    "shift" INTEGER NOT NULL,
    "members" BLOB NOT NULL
);
CREATE TABLE "search_postings" (
    "segment" INTEGER NOT NULL,
    "bucket" INTEGER NOT NULL,
    "postings" BLOB NOT NULL,

    PRIMARY KEY ("segment", "bucket")
);

CREATE TABLE "search_total" (
    "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
    "documents" INTEGER NOT NULL DEFAULT 0,
    "length" INTEGER NOT NULL DEFAULT 0,
    -- One more with each change of the documents: who has prepared one sees that no other came between.
    "version" INTEGER NOT NULL DEFAULT 0,
    -- The greatest numbers that were given.
    "last_document" INTEGER NOT NULL DEFAULT 0,
    "last_segment" INTEGER NOT NULL DEFAULT 0,
    -- The segment into which others are being merged, and until when its maker is waited for (Unix time).
    "merging" INTEGER NOT NULL DEFAULT 0,
    "merging_until" INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "search_total" ("id") VALUES (1);

UPDATE "video_analysis" SET "search_terms" = '' WHERE "search_terms" IS NOT NULL;
DELETE FROM "search_queue";
