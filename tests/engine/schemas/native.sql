-- CreateExtension
CREATE EXTENSION IF NOT EXISTS "citext";

-- CreateEnum
CREATE TYPE "Color" AS ENUM ('RED', 'light green');

-- CreateTable
CREATE TABLE "native" (
    "id" SERIAL NOT NULL,
    "text" TEXT,
    "varchar" VARCHAR(10),
    "char" CHAR(5),
    "citext" CITEXT,
    "bit" BIT(4),
    "varbit" VARBIT(8),
    "uuid" UUID,
    "xml" XML,
    "inet" INET,
    "integer" INTEGER,
    "smallint" SMALLINT,
    "oid" OID,
    "bigint" BIGINT,
    "double" DOUBLE PRECISION,
    "real" REAL,
    "exact" DECIMAL(65,30),
    "numeric" DECIMAL(10,2),
    "money" MONEY,
    "boolean" BOOLEAN,
    "timestamp" TIMESTAMP(3),
    "timestamp6" TIMESTAMP(6),
    "timestamptz" TIMESTAMPTZ(3),
    "date" DATE,
    "time" TIME(3),
    "timetz" TIMETZ(3),
    "jsonb" JSONB,
    "jsonText" JSON,
    "bytea" BYTEA,
    "color" "Color",

    CONSTRAINT "native_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "native_list" (
    "id" SERIAL NOT NULL,
    "text" TEXT[],
    "varchar" VARCHAR(10)[],
    "char" CHAR(5)[],
    "citext" CITEXT[],
    "bit" BIT(4)[],
    "varbit" VARBIT(8)[],
    "uuid" UUID[],
    "xml" XML[],
    "inet" INET[],
    "integer" INTEGER[],
    "smallint" SMALLINT[],
    "oid" OID[],
    "bigint" BIGINT[],
    "double" DOUBLE PRECISION[],
    "real" REAL[],
    "exact" DECIMAL(65,30)[],
    "numeric" DECIMAL(10,2)[],
    "money" MONEY[],
    "boolean" BOOLEAN[],
    "timestamp" TIMESTAMP(3)[],
    "timestamp6" TIMESTAMP(6)[],
    "timestamptz" TIMESTAMPTZ(3)[],
    "date" DATE[],
    "time" TIME(3)[],
    "timetz" TIMETZ(3)[],
    "jsonb" JSONB[],
    "jsonText" JSON[],
    "bytea" BYTEA[],
    "color" "Color"[],

    CONSTRAINT "native_list_pkey" PRIMARY KEY ("id")
);
