-- CreateTable
CREATE TABLE "video_analysis" (
    "id" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "video_analysis_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "video_analysis_video_id_key" ON "video_analysis"("video_id");

-- CreateIndex
CREATE INDEX "video_analysis_created_at_id_idx" ON "video_analysis"("created_at" DESC, "id" DESC);
