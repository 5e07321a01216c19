-- An entry of the search index has two things more, so that a search need not look for them elsewhere:
-- among its terms that of its length (length_class in backend/core/search/analysis.py), by which the
-- short documents among very many are found, and after them, on a line of its own, its facets as JSON:
--
--     <number of words> <term> <term> ... <term of the length>
--     {"tags": [...], "people": [...], "location": [...], "event_type": [...]}
--
-- The index in the order of their lengths goes.
DROP INDEX "search_document_length_idx";

ALTER TABLE "search_document" ADD COLUMN "facets" TEXT NOT NULL DEFAULT '';

-- The service takes in all of them again: the trigger notes each.
UPDATE "video_analysis" AS v SET "search_terms" = "search_terms" || coalesce((
    SELECT ' ' || chr(10488 + 8 * "power" + (split_part("search_terms", ' ', 1)::integer * 8 >> "power"))
    FROM generate_series(0, 30) AS "power" WHERE split_part("search_terms", ' ', 1)::integer >> "power" = 1
), '') || chr(10) || json_build_object(
    'tags', ARRAY(SELECT "tag_name" FROM "video_tag" AS r WHERE r."analysis_id" = v."id"),
    'people', ARRAY(SELECT "person_name" FROM "video_person" AS r WHERE r."analysis_id" = v."id"),
    'location', array_remove(ARRAY["location"], NULL),
    'event_type', array_remove(ARRAY["event_type"], NULL)
) WHERE "search_terms" IS NOT NULL;
