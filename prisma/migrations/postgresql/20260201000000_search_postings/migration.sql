-- The search index becomes segments of postings, of which the service adds up the scores itself
-- (backend/search/postings.py). video_analysis.search_terms now holds (backend/text/entry.py):
--
--     <number of words> <term> <term> ...
--     a sign for each term: how often it occurs
--     {"tags": [...], "people": [...], "location": [...], "event_type": [...]}
--
-- All entries are marked here ('') to be made anew, which the service does before the next search.

DROP TABLE "search_document";
DROP TABLE "search_total";
TRUNCATE "search_term";

-- The documents that there are, each with an id that no other had before: a record that is changed is a new one.
CREATE TABLE "search_document" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "video_id" TEXT NOT NULL UNIQUE,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "facets" TEXT NOT NULL DEFAULT ''
);

-- Segments are made, and merged into new ones, never changed. They keep what they have of documents that are
-- gone until they are merged. One that is not listed here is being made. (EXTERNAL: to compress numbers takes
-- longer than to read them.)
CREATE TABLE "search_segment" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "documents" INTEGER NOT NULL,
    "postings" INTEGER NOT NULL,
    "shift" INTEGER NOT NULL,
    "members" BYTEA NOT NULL
);
ALTER TABLE "search_segment" ALTER COLUMN "members" SET STORAGE EXTERNAL;
CREATE TABLE "search_postings" (
    "segment" BIGINT NOT NULL,
    "bucket" INTEGER NOT NULL,
    "postings" BYTEA NOT NULL,

    CONSTRAINT "search_postings_pkey" PRIMARY KEY ("segment", "bucket")
);
ALTER TABLE "search_postings" ALTER COLUMN "postings" SET STORAGE EXTERNAL;

CREATE TABLE "search_total" (
    "id" INTEGER PRIMARY KEY CHECK ("id" = 1),
    "documents" INTEGER NOT NULL DEFAULT 0,
    "length" BIGINT NOT NULL DEFAULT 0,
    -- One more with each change of the documents: who has prepared one sees that no other came between.
    "version" BIGINT NOT NULL DEFAULT 0,
    -- The greatest numbers that were given.
    "last_document" BIGINT NOT NULL DEFAULT 0,
    "last_segment" BIGINT NOT NULL DEFAULT 0,
    -- The segment into which others are being merged, and until when its maker is waited for (Unix time).
    "merging" BIGINT NOT NULL DEFAULT 0,
    "merging_until" BIGINT NOT NULL DEFAULT 0,
    -- The queue is applied up to this transaction: the oldest that may still leave an entry.
    "applied_before" xid8 NOT NULL DEFAULT '0'
);
INSERT INTO "search_total" ("id") VALUES (1);

CREATE OR REPLACE FUNCTION "search_clear"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE "search_queue", "search_document", "search_term", "search_segment", "search_postings";
    UPDATE "search_total" SET "documents" = 0, "length" = 0, "version" = "version" + 1, "merging" = 0;
    RETURN NULL;
END $$;

UPDATE "video_analysis" SET "search_terms" = '' WHERE "search_terms" IS NOT NULL;
DELETE FROM "search_queue";
