-- Seals of the change log, and who follows it (prisma.toml names these tables external).

-- SHA-256 of an image that is kept no longer, in hexadecimal.
ALTER TABLE "change_log" ADD COLUMN "image_hash" TEXT;

-- A hash chain over the rows of the log, in their order: see backend/history/seals.py.
CREATE TABLE "change_seal" (
    "id" INTEGER NOT NULL PRIMARY KEY,
    "first_xid" INTEGER NOT NULL,
    "first_number" INTEGER NOT NULL,
    "last_xid" INTEGER NOT NULL,
    "last_number" INTEGER NOT NULL,
    "count" INTEGER NOT NULL,
    "earliest" DATETIME NOT NULL,
    "latest" DATETIME NOT NULL,
    "at" DATETIME NOT NULL,
    "hash" TEXT NOT NULL,
    "digests" TEXT NOT NULL
);

-- How far each follower has come, and until when one process alone may go on with it, in seconds of Unix time.
CREATE TABLE "change_follower" (
    "name" TEXT NOT NULL PRIMARY KEY,
    "xid" INTEGER NOT NULL DEFAULT 0,
    "number" INTEGER NOT NULL DEFAULT 0,
    "holder" TEXT,
    "held_until" INTEGER
);

-- As before, but a record that comes again with the time of its first creation is logged at the time of its change.
DROP TRIGGER "change_log_created";
CREATE TRIGGER "change_log_created" AFTER INSERT ON "video_analysis" WHEN NEW."written" IS NOT NULL
BEGIN
    INSERT INTO "change_log" ("at", "action", "actor", "request_id", "kind", "name", "version")
    VALUES (
        max(NEW."created_at", NEW."updated_at"), coalesce(NEW."written" ->> 1, 'create'), NEW."written" ->> 2,
        NEW."written" ->> 3, 'video', NEW."video_id", max(NEW."version", coalesce((
            SELECT max("version") FROM "change_log" WHERE "kind" = 'video' AND "name" = NEW."video_id"
        ), 0))
    );
END;
