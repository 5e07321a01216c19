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

-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_video_analysis" (
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
INSERT INTO "new_video_analysis" ("created_at", "description", "id", "updated_at", "video_id") SELECT "created_at", "description", "id", "updated_at", "video_id" FROM "video_analysis";
DROP TABLE "video_analysis";
ALTER TABLE "new_video_analysis" RENAME TO "video_analysis";
CREATE UNIQUE INDEX "video_analysis_video_id_key" ON "video_analysis"("video_id");
CREATE INDEX "video_analysis_created_at_id_idx" ON "video_analysis"("created_at" DESC, "id" DESC);
CREATE INDEX "video_analysis_updated_at_id_idx" ON "video_analysis"("updated_at", "id");
CREATE INDEX "video_analysis_recorded_date_id_idx" ON "video_analysis"("recorded_date", "id");
CREATE INDEX "video_analysis_location_created_at_id_idx" ON "video_analysis"("location", "created_at", "id");
CREATE INDEX "video_analysis_country_created_at_id_idx" ON "video_analysis"("country", "created_at", "id");
CREATE INDEX "video_analysis_mood_created_at_id_idx" ON "video_analysis"("mood", "created_at", "id");
CREATE INDEX "video_analysis_event_type_created_at_id_idx" ON "video_analysis"("event_type", "created_at", "id");
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;

-- CreateIndex
CREATE INDEX "video_tag_tag_name_created_at_analysis_id_idx" ON "video_tag"("tag_name", "created_at", "analysis_id");

-- CreateIndex
CREATE INDEX "video_person_person_name_created_at_analysis_id_idx" ON "video_person"("person_name", "created_at", "analysis_id");

-- The search index: tables and triggers that Prisma does not model (prisma.toml names them external).
--
-- Words are reduced to terms by the service (backend/core/search/analysis.py), the same for every
-- database. It writes them into video_analysis.search_terms together with the text, as
-- "<number of words> <term> <term> ..."; the triggers take them from there. So record and index are
-- written by one statement. A term that occurs more than once is followed by itself and one sign
-- that stands for the number.

CREATE TABLE "search_document" (
    "id" INTEGER PRIMARY KEY,
    "video_id" TEXT NOT NULL UNIQUE REFERENCES "video_analysis" ("video_id") ON DELETE CASCADE ON UPDATE CASCADE,
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

CREATE TRIGGER "search_take_in_created" AFTER INSERT ON "video_analysis" WHEN NEW."search_terms" IS NOT NULL
BEGIN
    INSERT INTO "search_document" ("video_id", "length", "terms")
    VALUES (NEW."video_id", CAST(NEW."search_terms" AS INTEGER), substr(NEW."search_terms", instr(NEW."search_terms", ' ') + 1));
    UPDATE "video_analysis" SET "search_terms" = NULL WHERE "id" = NEW."id";
END;

CREATE TRIGGER "search_take_in_updated" AFTER UPDATE OF "search_terms" ON "video_analysis" WHEN NEW."search_terms" IS NOT NULL
BEGIN
    INSERT INTO "search_document" ("video_id", "length", "terms")
    VALUES (NEW."video_id", CAST(NEW."search_terms" AS INTEGER), substr(NEW."search_terms", instr(NEW."search_terms", ' ') + 1))
    ON CONFLICT ("video_id") DO UPDATE SET "length" = excluded."length", "terms" = excluded."terms";
    UPDATE "video_analysis" SET "search_terms" = NULL WHERE "id" = NEW."id";
END;

-- For connections without foreign keys, as SQLite's are by default.
CREATE TRIGGER "search_forget" AFTER DELETE ON "video_analysis"
BEGIN
    DELETE FROM "search_document" WHERE "video_id" = OLD."video_id";
END;

CREATE TRIGGER "search_count_inserted" AFTER INSERT ON "search_document"
BEGIN
    INSERT INTO "search_index" (rowid, "terms") VALUES (NEW."id", NEW."terms");
    INSERT INTO "search_term" ("term", "documents")
    SELECT value, 1 FROM json_each('["' || replace(NEW."terms", ' ', '","') || '"]') WHERE value <> ''
    ON CONFLICT ("term") DO UPDATE SET "documents" = "documents" + 1;
    UPDATE "search_total" SET "documents" = "documents" + 1, "length" = "length" + NEW."length";
END;

CREATE TRIGGER "search_count_deleted" AFTER DELETE ON "search_document"
BEGIN
    INSERT INTO "search_index" ("search_index", rowid, "terms") VALUES ('delete', OLD."id", OLD."terms");
    UPDATE "search_term" SET "documents" = "documents" - 1
    WHERE "term" IN (SELECT value FROM json_each('["' || replace(OLD."terms", ' ', '","') || '"]'));
    UPDATE "search_total" SET "documents" = "documents" - 1, "length" = "length" - OLD."length";
END;

CREATE TRIGGER "search_count_updated" AFTER UPDATE OF "terms" ON "search_document" WHEN NEW."terms" <> OLD."terms" OR NEW."length" <> OLD."length"
BEGIN
    INSERT INTO "search_index" ("search_index", rowid, "terms") VALUES ('delete', OLD."id", OLD."terms");
    INSERT INTO "search_index" (rowid, "terms") VALUES (NEW."id", NEW."terms");
    UPDATE "search_term" SET "documents" = "documents" - 1
    WHERE "term" IN (SELECT value FROM json_each('["' || replace(OLD."terms", ' ', '","') || '"]'));
    INSERT INTO "search_term" ("term", "documents")
    SELECT value, 1 FROM json_each('["' || replace(NEW."terms", ' ', '","') || '"]') WHERE value <> ''
    ON CONFLICT ("term") DO UPDATE SET "documents" = "documents" + 1;
    UPDATE "search_total" SET "length" = "length" + NEW."length" - OLD."length";
END;
