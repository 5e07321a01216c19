-- What was answered to a request with an Idempotency-Key, written in the transaction of what it did. Unknown to
-- schema.prisma (prisma.toml names it external).
CREATE TABLE "idempotency_key" (
    "caller" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("caller", "key")
);
CREATE INDEX "idempotency_key_at" ON "idempotency_key" ("at");
