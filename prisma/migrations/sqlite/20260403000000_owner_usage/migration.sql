-- What each owner has stored, and how much that may be: a table and triggers that Prisma does not model (prisma.toml
-- names them external).
--
-- An owner has a row only where there are quotas: the service makes it before it writes for him. Without one nothing
-- is written here. `exceeded` is true only of a change that makes the usage grow beyond what it may be: then the
-- constraint refuses it. What there was before may be more, and may shrink.

CREATE TABLE "owner_usage" (
    "owner" TEXT NOT NULL PRIMARY KEY,
    "records" INTEGER NOT NULL,
    "bytes" INTEGER NOT NULL,
    "most_records" INTEGER NOT NULL,
    "most_bytes" INTEGER NOT NULL,
    "exceeded" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "owner_usage_within" CHECK (NOT "exceeded")
) WITHOUT ROWID;

CREATE TRIGGER "owner_usage_created" AFTER INSERT ON "video_analysis"
BEGIN
    UPDATE "owner_usage" SET "records" = "records" + 1, "bytes" = "bytes" + NEW."size",
        "exceeded" = "records" + 1 > "most_records" OR (NEW."size" > 0 AND "bytes" + NEW."size" > "most_bytes")
    WHERE "owner" = NEW."owner";
END;

CREATE TRIGGER "owner_usage_changed" AFTER UPDATE OF "size" ON "video_analysis"
    WHEN NEW."owner" = OLD."owner" AND NEW."size" <> OLD."size"
BEGIN
    UPDATE "owner_usage" SET "bytes" = "bytes" + NEW."size" - OLD."size",
        "exceeded" = NEW."size" > OLD."size" AND "bytes" + NEW."size" - OLD."size" > "most_bytes"
    WHERE "owner" = NEW."owner";
END;

CREATE TRIGGER "owner_usage_moved" AFTER UPDATE OF "owner" ON "video_analysis" WHEN NEW."owner" <> OLD."owner"
BEGIN
    UPDATE "owner_usage" SET "records" = "records" - 1, "bytes" = "bytes" - OLD."size" WHERE "owner" = OLD."owner";
    UPDATE "owner_usage" SET "records" = "records" + 1, "bytes" = "bytes" + NEW."size",
        "exceeded" = "records" + 1 > "most_records" OR (NEW."size" > 0 AND "bytes" + NEW."size" > "most_bytes")
    WHERE "owner" = NEW."owner";
END;

CREATE TRIGGER "owner_usage_deleted" AFTER DELETE ON "video_analysis"
BEGIN
    UPDATE "owner_usage" SET "records" = "records" - 1, "bytes" = "bytes" - OLD."size" WHERE "owner" = OLD."owner";
END;
