-- The keys of callers, without their secrets: of each a hash. Owners are separated by commas, scopes by spaces.
-- Unknown to schema.prisma (prisma.toml names it external).
CREATE TABLE "access_key" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "owners" TEXT NOT NULL,
    "scopes" TEXT NOT NULL,
    "salt" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    -- Of the secret before the last rotation, which is taken until then.
    "former_salt" TEXT,
    "former_hash" TEXT,
    "former_until" DATETIME,
    "expires_at" DATETIME,
    "last_used_at" DATETIME,
    "created_by" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL,
    "revoked_at" DATETIME
);
