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
    "former_until" TIMESTAMP(3),
    "expires_at" TIMESTAMP(3),
    "last_used_at" TIMESTAMP(3),
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL,
    "revoked_at" TIMESTAMP(3)
);

-- A key belongs to no single owner: whoever asks for keys acts for all.
ALTER TABLE "access_key" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "access_key" FORCE ROW LEVEL SECURITY;
CREATE POLICY "all_owners" ON "access_key" USING (current_setting('memory_mirror.owner', true) = '*');
