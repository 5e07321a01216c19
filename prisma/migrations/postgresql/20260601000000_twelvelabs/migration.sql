-- The video index of Twelve Labs beside the records: tables that Prisma does not model (prisma.toml names them external).
-- Times are whole milliseconds since 1970, by the database's own clock.

-- What is to be done of one version of a video, once. `due_at`: of one that is queued, not before; of one that is
-- running, when its lease ends, and with it the right of its holder to say how it ended.
CREATE TABLE "twelvelabs_job" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "owner" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "asset_id" TEXT,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "due_at" BIGINT NOT NULL,
    "holder" TEXT,
    "detail" TEXT,
    "last_error" TEXT,
    "prompt_version" TEXT,
    "tokens" BIGINT NOT NULL DEFAULT 0,
    "created_at" BIGINT NOT NULL,
    "updated_at" BIGINT NOT NULL,

    CONSTRAINT "twelvelabs_job_status" CHECK ("status" IN ('queued', 'running', 'done', 'failed'))
);
CREATE UNIQUE INDEX "twelvelabs_job_of" ON "twelvelabs_job" ("owner", "kind", "video_id", "version");
CREATE INDEX "twelvelabs_job_due" ON "twelvelabs_job" ("owner", "kind", "due_at") WHERE "status" IN ('queued', 'running');
CREATE INDEX "twelvelabs_job_ended" ON "twelvelabs_job" ("owner", "status", "updated_at");

-- The index as the last run has seen it, and what became of each video here. `sent`: the values of the record that the
-- index has, as JSON. `unheld`: those that it refused, with its reason.
CREATE TABLE "twelvelabs_video" (
    "owner" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "asset_id" TEXT,
    "status" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "created_at" TEXT NOT NULL,
    "duration" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "seen" BIGINT NOT NULL,
    "state" TEXT NOT NULL,
    "described" TEXT,
    "finish_reason" TEXT,
    "prompt_version" TEXT,
    "kept" TEXT,
    "sent" TEXT,
    "unheld" TEXT,
    "last_error" TEXT,

    CONSTRAINT "twelvelabs_video_pkey" PRIMARY KEY ("owner", "video_id")
);
CREATE INDEX "twelvelabs_video_state" ON "twelvelabs_video" ("owner", "state", "video_id");
CREATE INDEX "twelvelabs_video_seen" ON "twelvelabs_video" ("owner", "seen", "video_id");
CREATE INDEX "twelvelabs_video_created" ON "twelvelabs_video" ("owner", "created_at");
CREATE INDEX "twelvelabs_video_unheld" ON "twelvelabs_video" ("owner", "video_id") WHERE "unheld" IS NOT NULL;

-- Comparisons of the index with the records. One runs at a time, and one more may be waiting.
CREATE TABLE "twelvelabs_run" (
    "owner" TEXT NOT NULL,
    "number" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "holder" TEXT,
    "due_at" BIGINT NOT NULL,
    "started_at" BIGINT,
    "finished_at" BIGINT,
    "videos" BIGINT NOT NULL DEFAULT 0,
    "queued" BIGINT NOT NULL DEFAULT 0,
    "error" TEXT,

    CONSTRAINT "twelvelabs_run_pkey" PRIMARY KEY ("owner", "number")
);
CREATE UNIQUE INDEX "twelvelabs_run_running" ON "twelvelabs_run" ("owner") WHERE "status" = 'running';
CREATE UNIQUE INDEX "twelvelabs_run_queued" ON "twelvelabs_run" ("owner") WHERE "status" = 'queued';

-- What was asked of the index on each day (UTC).
CREATE TABLE "twelvelabs_usage" (
    "owner" TEXT NOT NULL,
    "day" TEXT NOT NULL,
    "analyses" BIGINT NOT NULL DEFAULT 0,
    "seconds" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "tokens" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "twelvelabs_usage_pkey" PRIMARY KEY ("owner", "day")
);

ALTER TABLE "twelvelabs_job" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "twelvelabs_job" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "twelvelabs_job" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "twelvelabs_video" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "twelvelabs_video" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "twelvelabs_video" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "twelvelabs_run" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "twelvelabs_run" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "twelvelabs_run" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "twelvelabs_usage" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "twelvelabs_usage" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "twelvelabs_usage" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);
