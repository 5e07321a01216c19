-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Mood" AS ENUM ('HAPPY', 'down', 'at peace');

-- CreateTable
CREATE TABLE "Lists" (
    "id" SERIAL NOT NULL,
    "strings" TEXT[],
    "numbers" INTEGER[],
    "bigs" BIGINT[],
    "ratios" DOUBLE PRECISION[],
    "amounts" DECIMAL(65,30)[],
    "flags" BOOLEAN[],
    "moments" TIMESTAMP(3)[],
    "datas" JSONB[],
    "blobs" BYTEA[],
    "moods" "Mood"[],
    "defaults" TEXT[] DEFAULT ARRAY['a', 'b']::TEXT[],

    CONSTRAINT "Lists_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Native" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "varchar" VARCHAR(10),
    "char" CHAR(5),
    "bits" BIT(4),
    "varbits" VARBIT(8),
    "uuid" UUID,
    "inet" INET,
    "small" SMALLINT,
    "oid" OID,
    "real" REAL,
    "money" MONEY,
    "amount" DECIMAL(10,2),
    "date" DATE,
    "time" TIME(3),
    "timetz" TIMETZ(3),
    "stamp" TIMESTAMP(6),
    "stamptz" TIMESTAMPTZ(3),
    "jsonText" JSON,
    "jsonBinary" JSONB,
    "bytes" BYTEA,

    CONSTRAINT "Native_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "NativeLists" (
    "id" SERIAL NOT NULL,
    "varchars" VARCHAR(10)[],
    "uuids" UUID[],
    "inets" INET[],
    "smalls" SMALLINT[],
    "reals" REAL[],
    "dates" DATE[],
    "stamps" TIMESTAMPTZ(3)[],
    "jsons" JSON[],

    CONSTRAINT "NativeLists_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Document" (
    "id" SERIAL NOT NULL,
    "title" TEXT NOT NULL,
    "body" JSONB NOT NULL DEFAULT '{"a": [1, null]}',
    "extra" JSONB,
    "labels" TEXT[],
    "mood" "Mood",
    "folderId" INTEGER,

    CONSTRAINT "Document_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Folder" (
    "id" SERIAL NOT NULL,
    "path" TEXT NOT NULL,

    CONSTRAINT "Folder_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Native_uuid_key" ON "Native"("uuid");

-- CreateIndex
CREATE UNIQUE INDEX "Folder_path_key" ON "Folder"("path");

-- AddForeignKey
ALTER TABLE "Document" ADD CONSTRAINT "Document_folderId_fkey" FOREIGN KEY ("folderId") REFERENCES "Folder"("id") ON DELETE SET NULL ON UPDATE CASCADE;
