-- CreateTable
CREATE TABLE "Scalars" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "text" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "big" BIGINT NOT NULL,
    "ratio" REAL NOT NULL,
    "amount" DECIMAL NOT NULL,
    "flag" BOOLEAN NOT NULL,
    "moment" DATETIME NOT NULL,
    "data" JSONB NOT NULL,
    "blob" BLOB NOT NULL,
    "color" TEXT NOT NULL,
    "textOpt" TEXT,
    "numberOpt" INTEGER,
    "bigOpt" BIGINT,
    "ratioOpt" REAL,
    "amountOpt" DECIMAL,
    "flagOpt" BOOLEAN,
    "momentOpt" DATETIME,
    "dataOpt" JSONB,
    "blobOpt" BLOB,
    "colorOpt" TEXT
);

-- CreateTable
CREATE TABLE "Defaults" (
    "id" TEXT NOT NULL PRIMARY KEY,
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
    "ratio" REAL NOT NULL DEFAULT 1.5,
    "amount" DECIMAL NOT NULL DEFAULT 12.34,
    "flag" BOOLEAN NOT NULL DEFAULT true,
    "moment" DATETIME NOT NULL DEFAULT '2020-01-02 03:04:05.678 +00:00',
    "now" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "blob" BLOB NOT NULL DEFAULT '68656c6c6f',
    "color" TEXT NOT NULL DEFAULT 'green',
    "made" INTEGER NOT NULL DEFAULT (1 + 1),
    "touched" DATETIME NOT NULL,
    "note" TEXT
);

-- CreateTable
CREATE TABLE "Unique" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "text" TEXT,
    "big" BIGINT,
    "amount" DECIMAL,
    "moment" DATETIME,
    "blob" BLOB,
    "color" TEXT
);

-- CreateTable
CREATE TABLE "weird table" (
    "the key" TEXT NOT NULL PRIMARY KEY,
    "select" INTEGER NOT NULL,
    "group" TEXT
);

-- CreateTable
CREATE TABLE "order" (
    "part id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "owner's key" TEXT,
    CONSTRAINT "order_owner's key_fkey" FOREIGN KEY ("owner's key") REFERENCES "weird table" ("the key") ON DELETE SET NULL ON UPDATE CASCADE
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
