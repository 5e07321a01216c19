-- An entry of the search index has two things more, so that a search need not look for them elsewhere:
-- among its terms that of its length (length_class in backend/core/search/analysis.py), by which the
-- short documents among very many are found, and after them, on a line of its own, its facets as JSON:
--
--     <number of words> <term> <term> ... <term of the length>
--     {"tags": [...], "people": [...], "location": [...], "event_type": [...]}
--
-- The index that had all of each document in the order of their lengths, the costliest part of a write, goes.
DROP INDEX "search_document_length_idx";

ALTER TABLE "search_document" ADD COLUMN "facets" TEXT NOT NULL DEFAULT '';

-- The service takes in all of them again: the trigger notes each.
UPDATE "video_analysis" SET "search_terms" = "search_terms" || coalesce((
    WITH RECURSIVE "each" ("power") AS (SELECT 0 UNION ALL SELECT "power" + 1 FROM "each" WHERE "power" < 30)
    SELECT ' ' || char(10488 + 8 * "power" + (CAST("search_terms" AS INTEGER) * 8 >> "power"))
    FROM "each" WHERE CAST("search_terms" AS INTEGER) >> "power" = 1
), '') || char(10) || json_object(
    'tags', json((SELECT json_group_array("tag_name") FROM "video_tag" AS r WHERE r."analysis_id" = "video_analysis"."id")),
    'people', json((SELECT json_group_array("person_name") FROM "video_person" AS r WHERE r."analysis_id" = "video_analysis"."id")),
    'location', json(iif("location" IS NULL, '[]', json_array("location"))),
    'event_type', json(iif("event_type" IS NULL, '[]', json_array("event_type")))
) WHERE "search_terms" IS NOT NULL;
