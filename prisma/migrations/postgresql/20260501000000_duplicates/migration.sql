-- Which descriptions say the same: an index of each owner, kept up by following the change log
-- (backend/duplicates/index.py), and what people have said are none. Tables, triggers and functions that Prisma does
-- not model (prisma.toml names them external).

-- How far the index of an owner has come. `version` grows with each change of it; `scanned`: up to which video all
-- records have been read, NULL: all; then (xid, number): up to which row the change log has been followed.
CREATE TABLE "duplicate_index" (
    "owner" TEXT NOT NULL,
    "algorithm" INTEGER NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 0,
    "last_text" BIGINT NOT NULL DEFAULT 0,
    "scanned" TEXT DEFAULT '',
    "xid" xid8 NOT NULL DEFAULT '0',
    "number" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "duplicate_index_pkey" PRIMARY KEY ("owner")
);

-- Which text a video's record has, as of this version.
CREATE TABLE "duplicate_record" (
    "owner" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "text_id" BIGINT NOT NULL,

    CONSTRAINT "duplicate_record_pkey" PRIMARY KEY ("owner", "video_id")
);
CREATE INDEX "duplicate_record_text" ON "duplicate_record" ("owner", "text_id", "video_id");

-- Each text once, with how many records have it. `fingerprint`: see backend/duplicates/fingerprints.py. `cluster`:
-- texts that pairs lead to from one to the other have the same; NULL: one record has the text, and no pair.
CREATE TABLE "duplicate_text" (
    "owner" TEXT NOT NULL,
    "id" BIGINT NOT NULL,
    "hash" TEXT NOT NULL,
    "records" INTEGER NOT NULL,
    "cluster" BIGINT,
    "fingerprint" BYTEA NOT NULL,

    CONSTRAINT "duplicate_text_pkey" PRIMARY KEY ("owner", "id")
);
CREATE UNIQUE INDEX "duplicate_text_hash" ON "duplicate_text" ("owner", "hash");
CREATE INDEX "duplicate_text_cluster" ON "duplicate_text" ("owner", "cluster", "id") WHERE "cluster" IS NOT NULL;

-- The bands of each text: texts that have one in common may say the same.
CREATE TABLE "duplicate_band" (
    "owner" TEXT NOT NULL,
    "band" BIGINT NOT NULL,
    "text_id" BIGINT NOT NULL,

    CONSTRAINT "duplicate_band_pkey" PRIMARY KEY ("owner", "band", "text_id")
);

-- Two texts that say much the same, from either side.
CREATE TABLE "duplicate_pair" (
    "owner" TEXT NOT NULL,
    "text_id" BIGINT NOT NULL,
    "other_id" BIGINT NOT NULL,
    "similarity" DOUBLE PRECISION NOT NULL,

    CONSTRAINT "duplicate_pair_pkey" PRIMARY KEY ("owner", "text_id", "other_id")
);

-- Two videos that a person has said are no duplicates, from either side.
CREATE TABLE "duplicate_dismissal" (
    "owner" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "other_id" TEXT NOT NULL,

    CONSTRAINT "duplicate_dismissal_pkey" PRIMARY KEY ("owner", "video_id", "other_id")
);

-- The log has no row for the owner, or the id, that a record gets by this: all are looked at again.
CREATE FUNCTION "duplicate_index_moved"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE "duplicate_index" SET "scanned" = '', "version" = "version" + 1 WHERE "owner" = NEW."owner";
    RETURN NULL;
END $$;
CREATE TRIGGER "duplicate_index_moved" AFTER UPDATE OF "owner", "video_id" ON "video_analysis"
    FOR EACH ROW WHEN (NEW."owner" <> OLD."owner" OR NEW."video_id" <> OLD."video_id")
    EXECUTE FUNCTION "duplicate_index_moved"();

CREATE FUNCTION "duplicate_index_cleared"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE "duplicate_index", "duplicate_record", "duplicate_text", "duplicate_band", "duplicate_pair";
    RETURN NULL;
END $$;
CREATE TRIGGER "duplicate_index_cleared" AFTER TRUNCATE ON "video_analysis"
    EXECUTE FUNCTION "duplicate_index_cleared"();

ALTER TABLE "duplicate_index" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_index" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_index" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "duplicate_record" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_record" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_record" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "duplicate_text" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_text" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_text" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "duplicate_band" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_band" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_band" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "duplicate_pair" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_pair" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_pair" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

ALTER TABLE "duplicate_dismissal" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "duplicate_dismissal" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "duplicate_dismissal" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);
