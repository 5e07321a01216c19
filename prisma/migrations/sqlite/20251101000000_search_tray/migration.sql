-- The search index is kept for many records at once, which costs a fraction of keeping it row by row.
--
-- A record's own transaction notes in search_tray that it changed, by triggers, whoever writes it. The
-- service takes in what is noted (backend/core/search/upkeep.py): beside its requests, and before it
-- answers a search. What the index is to hold of a record stays in video_analysis.search_terms, as
-- "<number of words> <term> <term> ..."; search_document is what the index holds.

-- The triggers on video_analysis took search_terms out of the row.
DROP TRIGGER "search_take_in_created";
DROP TRIGGER "search_take_in_updated";
DROP TRIGGER "search_forget";
UPDATE "video_analysis" SET "search_terms" = (
    SELECT d."length" || ' ' || d."terms" FROM "search_document" AS d WHERE d."video_id" = "video_analysis"."video_id"
);

DROP TABLE "search_index";
DROP TABLE "search_document";
DROP TABLE "search_term";
DROP TABLE "search_total";

CREATE TABLE "search_tray" ("id" INTEGER PRIMARY KEY, "video_id" TEXT NOT NULL);
INSERT INTO "search_tray" ("video_id") SELECT "video_id" FROM "video_analysis" WHERE "search_terms" IS NOT NULL;

CREATE TRIGGER "search_note_created" AFTER INSERT ON "video_analysis" WHEN NEW."search_terms" IS NOT NULL
BEGIN
    INSERT INTO "search_tray" ("video_id") VALUES (NEW."video_id");
END;

CREATE TRIGGER "search_note_updated" AFTER UPDATE OF "search_terms", "video_id" ON "video_analysis"
BEGIN
    INSERT INTO "search_tray" ("video_id") SELECT OLD."video_id" UNION SELECT NEW."video_id";
END;

CREATE TRIGGER "search_note_deleted" AFTER DELETE ON "video_analysis"
BEGIN
    INSERT INTO "search_tray" ("video_id") VALUES (OLD."video_id");
END;

CREATE TABLE "search_document" (
    "id" INTEGER PRIMARY KEY,
    "video_id" TEXT NOT NULL UNIQUE,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL
);
-- With all that is read of a document, for walks through the shortest.
CREATE INDEX "search_document_length_idx" ON "search_document" ("length", "video_id", "terms");

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
