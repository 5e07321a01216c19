-- What each owner has stored, and how much that may be: a table, triggers and functions that Prisma does not model
-- (prisma.toml names them external).
--
-- An owner has a row only where there are quotas: the service makes it before it writes for him. Without one nothing
-- is written here. `exceeded` is true only of a change that makes the usage grow beyond what it may be: then the
-- constraint refuses it. What there was before may be more, and may shrink.

CREATE TABLE "owner_usage" (
    "owner" TEXT NOT NULL,
    "records" BIGINT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "most_records" BIGINT NOT NULL,
    "most_bytes" BIGINT NOT NULL,
    "exceeded" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "owner_usage_pkey" PRIMARY KEY ("owner"),
    CONSTRAINT "owner_usage_within" CHECK (NOT "exceeded")
) WITH (fillfactor = 50);

ALTER TABLE "owner_usage" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "owner_usage" FORCE ROW LEVEL SECURITY;
CREATE POLICY "owner" ON "owner_usage" USING (
    "owner" = current_setting('memory_mirror.owner', true) OR current_setting('memory_mirror.owner', true) = '*'
);

-- The functions below first ask whether there are quotas at all: that takes a third of looking for an owner's row.

-- Called when a statement has written all its rows, so that who has an owner's row waits for no other of them.
CREATE FUNCTION "owner_usage_add"("of" TEXT, "more_records" BIGINT, "more_bytes" BIGINT) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE "owner_usage" SET "records" = "records" + "more_records", "bytes" = "bytes" + "more_bytes",
        "exceeded" = ("more_records" > 0 AND "records" + "more_records" > "most_records")
            OR ("more_bytes" > 0 AND "bytes" + "more_bytes" > "most_bytes")
    WHERE "owner" = "of";
END $$;

CREATE FUNCTION "owner_usage_created"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM "owner_usage") THEN
        RETURN NULL;
    END IF;
    PERFORM "owner_usage_add"("owner", count(*), sum("size")) FROM created GROUP BY "owner" ORDER BY "owner";
    RETURN NULL;
END $$;
CREATE TRIGGER "owner_usage_created" AFTER INSERT ON "video_analysis" REFERENCING NEW TABLE AS created
    FOR EACH STATEMENT EXECUTE FUNCTION "owner_usage_created"();

-- Row by row, as only so nothing is done for an update that changes neither.
CREATE FUNCTION "owner_usage_changed"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM "owner_usage") THEN
        RETURN NULL;
    END IF;
    IF OLD."owner" = NEW."owner" THEN
        PERFORM "owner_usage_add"(NEW."owner", 0, NEW."size" - OLD."size");
    ELSE
        PERFORM "owner_usage_add"(OLD."owner", -1, -OLD."size");
        PERFORM "owner_usage_add"(NEW."owner", 1, NEW."size");
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "owner_usage_changed" AFTER UPDATE OF "size", "owner" ON "video_analysis"
    FOR EACH ROW WHEN (OLD."size" <> NEW."size" OR OLD."owner" <> NEW."owner") EXECUTE FUNCTION "owner_usage_changed"();

CREATE FUNCTION "owner_usage_deleted"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM "owner_usage") THEN
        RETURN NULL;
    END IF;
    PERFORM "owner_usage_add"("owner", -count(*), -sum("size")) FROM deleted GROUP BY "owner" ORDER BY "owner";
    RETURN NULL;
END $$;
CREATE TRIGGER "owner_usage_deleted" AFTER DELETE ON "video_analysis" REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION "owner_usage_deleted"();

CREATE FUNCTION "owner_usage_cleared"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    "before" text := current_setting('memory_mirror.owner', true);
BEGIN
    PERFORM set_config('memory_mirror.owner', '*', true);
    UPDATE "owner_usage" SET "records" = 0, "bytes" = 0;
    PERFORM set_config('memory_mirror.owner', coalesce("before", ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER "owner_usage_cleared" AFTER TRUNCATE ON "video_analysis" EXECUTE FUNCTION "owner_usage_cleared"();
