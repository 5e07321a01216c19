-- CreateTable
CREATE TABLE "video_analysis" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "video_id" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" DATETIME NOT NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "video_analysis_video_id_key" ON "video_analysis"("video_id");

-- CreateIndex
CREATE INDEX "video_analysis_created_at_id_idx" ON "video_analysis"("created_at" DESC, "id" DESC);
