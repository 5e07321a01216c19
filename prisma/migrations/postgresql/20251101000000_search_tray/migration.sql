-- The search index is kept for many records at once, which costs a fraction of keeping it row by row.
--
-- A record's own transaction notes in search_tray that it changed, by triggers, whoever writes it. The
-- service takes in what is noted (backend/core/search/upkeep.py): beside its requests, and before it
-- answers a search. What the index is to hold of a record stays in video_analysis.search_terms, as
-- "<number of words> <term> <term> ..."; search_document is what the index holds.

-- The triggers on video_analysis took search_terms out of the row.
DROP TRIGGER "search_take_in" ON "video_analysis";
DROP TRIGGER "search_follow" ON "video_analysis";
DROP TRIGGER "search_follow_renamed" ON "video_analysis";
DROP TRIGGER "search_follow_truncated" ON "video_analysis";
UPDATE "video_analysis" AS v SET "search_terms" = d."length" || ' ' || d."terms"
    FROM "search_document" AS d WHERE d."video_id" = v."video_id";

DROP TABLE "search_document", "search_term", "search_total", "search_change";
DROP FUNCTION "search_take_in"(), "search_follow"(), "search_add_up"(), "search_count"();

CREATE TABLE "search_tray" ("id" BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "video_id" TEXT NOT NULL);
INSERT INTO "search_tray" ("video_id") SELECT "video_id" FROM "video_analysis" WHERE "search_terms" IS NOT NULL;

CREATE FUNCTION "search_note"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO "search_tray" ("video_id") VALUES (OLD."video_id");
    END IF;
    IF TG_OP <> 'DELETE' AND OLD."video_id" IS DISTINCT FROM NEW."video_id" THEN
        INSERT INTO "search_tray" ("video_id") VALUES (NEW."video_id");
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_note_created" AFTER INSERT ON "video_analysis"
    FOR EACH ROW WHEN (NEW."search_terms" IS NOT NULL) EXECUTE FUNCTION "search_note"();
CREATE TRIGGER "search_note_changed" AFTER UPDATE OF "search_terms", "video_id" OR DELETE ON "video_analysis"
    FOR EACH ROW EXECUTE FUNCTION "search_note"();

CREATE TABLE "search_document" (
    "video_id" TEXT NOT NULL PRIMARY KEY,
    "length" INTEGER NOT NULL,
    "terms" TEXT NOT NULL,
    "vector" TSVECTOR NOT NULL GENERATED ALWAYS AS
        (array_to_tsvector(array_remove(string_to_array("terms", ' '), ''))) STORED
);
CREATE INDEX "search_document_length_idx" ON "search_document" ("length", "video_id" COLLATE "C");
-- A short list (KiB) of what is not yet sorted in: every search reads it.
CREATE INDEX "search_document_vector_idx" ON "search_document" USING GIN ("vector") WITH (gin_pending_list_limit = 512);

-- In how many documents each term occurs; the number of documents and their length.
CREATE TABLE "search_term" ("term" TEXT COLLATE "C" NOT NULL PRIMARY KEY, "documents" INTEGER NOT NULL);
CREATE TABLE "search_total" ("id" INTEGER PRIMARY KEY CHECK ("id" = 1), "documents" INTEGER NOT NULL, "length" BIGINT NOT NULL);
INSERT INTO "search_total" VALUES (1, 0, 0);

CREATE FUNCTION "search_forget_all"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE "search_tray", "search_document", "search_term";
    UPDATE "search_total" SET "documents" = 0, "length" = 0;
    RETURN NULL;
END $$;
CREATE TRIGGER "search_forget_all" AFTER TRUNCATE ON "video_analysis" EXECUTE FUNCTION "search_forget_all"();
