-- Which descriptions say the same: an index of each owner, kept up by following the change log
-- (backend/duplicates/index.py), and what people have said are none. Tables and triggers that Prisma does not model
-- (prisma.toml names them external).

-- How far the index of an owner has come. `version` grows with each change of it; `scanned`: up to which video all
-- records have been read, NULL: all; then (xid, number): up to which row the change log has been followed.
CREATE TABLE "duplicate_index" (
    "owner" TEXT NOT NULL PRIMARY KEY,
    "algorithm" INTEGER NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 0,
    "last_text" INTEGER NOT NULL DEFAULT 0,
    "scanned" TEXT DEFAULT '',
    "xid" INTEGER NOT NULL DEFAULT 0,
    "number" INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Which text a video's record has, as of this version.
CREATE TABLE "duplicate_record" (
    "owner" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "text_id" INTEGER NOT NULL,

    PRIMARY KEY ("owner", "video_id")
) WITHOUT ROWID;
CREATE INDEX "duplicate_record_text" ON "duplicate_record" ("owner", "text_id", "video_id");

-- Each text once, with how many records have it. `fingerprint`: see backend/duplicates/fingerprints.py. `cluster`:
-- texts that pairs lead to from one to the other have the same; NULL: one record has the text, and no pair.
CREATE TABLE "duplicate_text" (
    "owner" TEXT NOT NULL,
    "id" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "records" INTEGER NOT NULL,
    "cluster" INTEGER,
    "fingerprint" BLOB NOT NULL,

    PRIMARY KEY ("owner", "id")
);
CREATE UNIQUE INDEX "duplicate_text_hash" ON "duplicate_text" ("owner", "hash");
CREATE INDEX "duplicate_text_cluster" ON "duplicate_text" ("owner", "cluster", "id") WHERE "cluster" IS NOT NULL;

-- The bands of each text: texts that have one in common may say the same.
CREATE TABLE "duplicate_band" (
    "owner" TEXT NOT NULL,
    "band" INTEGER NOT NULL,
    "text_id" INTEGER NOT NULL,

    PRIMARY KEY ("owner", "band", "text_id")
) WITHOUT ROWID;

-- Two texts that say much the same, from either side.
CREATE TABLE "duplicate_pair" (
    "owner" TEXT NOT NULL,
    "text_id" INTEGER NOT NULL,
    "other_id" INTEGER NOT NULL,
    "similarity" REAL NOT NULL,

    PRIMARY KEY ("owner", "text_id", "other_id")
) WITHOUT ROWID;

-- Two videos that a person has said are no duplicates, from either side.
CREATE TABLE "duplicate_dismissal" (
    "owner" TEXT NOT NULL,
    "video_id" TEXT NOT NULL,
    "other_id" TEXT NOT NULL,

    PRIMARY KEY ("owner", "video_id", "other_id")
) WITHOUT ROWID;

-- The log has no row for the owner, or the id, that a record gets by this: all are looked at again.
CREATE TRIGGER "duplicate_index_moved" AFTER UPDATE OF "owner", "video_id" ON "video_analysis"
    WHEN NEW."owner" <> OLD."owner" OR NEW."video_id" <> OLD."video_id"
BEGIN
    UPDATE "duplicate_index" SET "scanned" = '', "version" = "version" + 1 WHERE "owner" = NEW."owner";
END;
