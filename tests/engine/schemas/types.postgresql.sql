-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Color" AS ENUM ('RED', 'green', 'deep blue');

-- CreateTable
CREATE TABLE "Scalars" (
    "id" SERIAL NOT NULL,
    "text" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "big" BIGINT NOT NULL,
    "ratio" DOUBLE PRECISION NOT NULL,
    "amount" DECIMAL(65,30) NOT NULL,
    "flag" BOOLEAN NOT NULL,
    "moment" TIMESTAMP(3) NOT NULL,
    "data" JSONB NOT NULL,
    "blob" BYTEA NOT NULL,
    "color" "Color" NOT NULL,
    "textOpt" TEXT,
    "numberOpt" INTEGER,
    "bigOpt" BIGINT,
    "ratioOpt" DOUBLE PRECISION,
    "amountOpt" DECIMAL(65,30),
    "flagOpt" BOOLEAN,
    "momentOpt" TIMESTAMP(3),
    "dataOpt" JSONB,
    "blobOpt" BYTEA,
    "colorOpt" "Color",

    CONSTRAINT "Scalars_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Defaults" (
    "id" TEXT NOT NULL,
    "cuid1" TEXT NOT NULL,
    "cuid2" TEXT NOT NULL,
    "uuid4" TEXT NOT NULL,
    "uuid7" TEXT NOT NULL,
    "ulid" TEXT NOT NULL,
    "nano" TEXT NOT NULL,
    "nano10" TEXT NOT NULL,
    "text" TEXT NOT NULL DEFAULT 'say "hi"',
    "number" INTEGER NOT NULL DEFAULT 42,
    "big" BIGINT NOT NULL DEFAULT 9007199254740993,
    "ratio" DOUBLE PRECISION NOT NULL DEFAULT 1.5,
    "amount" DECIMAL(65,30) NOT NULL DEFAULT 12.34,
    "flag" BOOLEAN NOT NULL DEFAULT true,
    "moment" TIMESTAMP(3) NOT NULL DEFAULT '2020-01-02 03:04:05.678 +00:00',
    "now" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "blob" BYTEA NOT NULL DEFAULT '\x68656c6c6f',
    "color" "Color" NOT NULL DEFAULT 'green',
    "made" INTEGER NOT NULL DEFAULT (1 + 1),
    "touched" TIMESTAMP(3) NOT NULL,
    "note" TEXT,

    CONSTRAINT "Defaults_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Unique" (
    "id" BIGINT NOT NULL,
    "text" TEXT,
    "big" BIGINT,
    "amount" DECIMAL(65,30),
    "moment" TIMESTAMP(3),
    "blob" BYTEA,
    "color" "Color",

    CONSTRAINT "Unique_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "weird table" (
    "the key" TEXT NOT NULL,
    "select" INTEGER NOT NULL,
    "group" TEXT,

    CONSTRAINT "weird table_pkey" PRIMARY KEY ("the key")
);

-- CreateTable
CREATE TABLE "order" (
    "part id" SERIAL NOT NULL,
    "owner's key" TEXT,

    CONSTRAINT "order_pkey" PRIMARY KEY ("part id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Unique_text_key" ON "Unique"("text");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_big_key" ON "Unique"("big");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_amount_key" ON "Unique"("amount");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_moment_key" ON "Unique"("moment");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_blob_key" ON "Unique"("blob");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_color_key" ON "Unique"("color");

-- CreateIndex
CREATE UNIQUE INDEX "Unique_moment_color_key" ON "Unique"("moment", "color");

-- AddForeignKey
ALTER TABLE "order" ADD CONSTRAINT "order_owner's key_fkey" FOREIGN KEY ("owner's key") REFERENCES "weird table"("the key") ON DELETE SET NULL ON UPDATE CASCADE;
