-- Most videos have none of these, and need no place in their indexes. Prisma's schema knows no index of
-- some rows, so these stand here alone.
DROP INDEX "video_analysis_location_created_at_id_idx";
DROP INDEX "video_analysis_country_created_at_id_idx";
DROP INDEX "video_analysis_mood_created_at_id_idx";
DROP INDEX "video_analysis_event_type_created_at_id_idx";

CREATE INDEX "video_analysis_location_created_at_id_idx" ON "video_analysis"("location", "created_at", "id") WHERE "location" IS NOT NULL;
CREATE INDEX "video_analysis_country_created_at_id_idx" ON "video_analysis"("country", "created_at", "id") WHERE "country" IS NOT NULL;
CREATE INDEX "video_analysis_mood_created_at_id_idx" ON "video_analysis"("mood", "created_at", "id") WHERE "mood" IS NOT NULL;
CREATE INDEX "video_analysis_event_type_created_at_id_idx" ON "video_analysis"("event_type", "created_at", "id") WHERE "event_type" IS NOT NULL;
