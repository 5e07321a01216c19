-- Seals of the change log, and who follows it (prisma.toml names these tables external).

-- SHA-256 of an image that is kept no longer, in hexadecimal.
ALTER TABLE "change_log" ADD COLUMN "image_hash" TEXT;

-- A hash chain over the rows of the log, in their order: see backend/history/seals.py.
CREATE TABLE "change_seal" (
    "id" INTEGER NOT NULL,
    "first_xid" xid8 NOT NULL,
    "first_number" BIGINT NOT NULL,
    "last_xid" xid8 NOT NULL,
    "last_number" BIGINT NOT NULL,
    "count" INTEGER NOT NULL,
    "earliest" TIMESTAMP(3) NOT NULL,
    "latest" TIMESTAMP(3) NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "hash" TEXT NOT NULL,
    "digests" TEXT NOT NULL,

    CONSTRAINT "change_seal_pkey" PRIMARY KEY ("id")
);

-- How far each follower has come. One process at a time goes on with it, by an advisory lock.
CREATE TABLE "change_follower" (
    "name" TEXT NOT NULL,
    "xid" xid8 NOT NULL DEFAULT '0',
    "number" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "change_follower_pkey" PRIMARY KEY ("name")
);

-- As before, but a record that comes again with the time of its first creation is logged at the time of its change.
CREATE OR REPLACE FUNCTION "change_log_created"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version")
    SELECT greatest("created_at", "updated_at"), coalesce("by" ->> 1, 'create'), "by" ->> 2, "by" ->> 3, 'video',
        "video_id", greatest("version", (
            SELECT max("version") FROM "change_log" WHERE "kind" = 'video' AND "name" = "video_id"
        ))
    FROM (SELECT *, "written"::json AS "by" FROM created OFFSET 0) AS created;
    RETURN NULL;
END $$;
