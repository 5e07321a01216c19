-- CreateTable
CREATE TABLE "Customer" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "tax_id" TEXT NOT NULL,
    "credit" DECIMAL NOT NULL DEFAULT 0
);

-- CreateTable
CREATE TABLE "orders" (
    "customer_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'OPEN',
    "total" DECIMAL NOT NULL DEFAULT 0,
    "placed_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" DATETIME NOT NULL,

    PRIMARY KEY ("customer_id", "number"),
    CONSTRAINT "orders_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "Customer" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Line" (
    "customer_id" TEXT NOT NULL,
    "order_number" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL DEFAULT 1,
    "price" DECIMAL NOT NULL,
    "sku" TEXT NOT NULL,

    PRIMARY KEY ("customer_id", "order_number", "position"),
    CONSTRAINT "Line_customer_id_order_number_fkey" FOREIGN KEY ("customer_id", "order_number") REFERENCES "orders" ("customer_id", "number") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Line_sku_fkey" FOREIGN KEY ("sku") REFERENCES "Product" ("sku") ON DELETE NO ACTION ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Invoice" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "text" TEXT NOT NULL,
    "customer_id" TEXT,
    "order_number" INTEGER,
    CONSTRAINT "Invoice_customer_id_order_number_fkey" FOREIGN KEY ("customer_id", "order_number") REFERENCES "orders" ("customer_id", "number") ON DELETE SET NULL ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Product" (
    "sku" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "price" DECIMAL NOT NULL,
    "stock" INTEGER NOT NULL DEFAULT 0,
    "weight" REAL,
    "brand_id" INTEGER NOT NULL DEFAULT 1,
    "supplier_id" INTEGER,
    CONSTRAINT "Product_brand_id_fkey" FOREIGN KEY ("brand_id") REFERENCES "Brand" ("id") ON DELETE SET DEFAULT ON UPDATE CASCADE,
    CONSTRAINT "Product_supplier_id_fkey" FOREIGN KEY ("supplier_id") REFERENCES "Supplier" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Brand" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL
);

-- CreateTable
CREATE TABLE "Supplier" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "city" TEXT
);

-- CreateTable
CREATE TABLE "Shelf" (
    "hall" INTEGER NOT NULL,
    "rack" TEXT NOT NULL,
    "note" TEXT,
    "sku" TEXT,

    PRIMARY KEY ("hall", "rack"),
    CONSTRAINT "Shelf_sku_fkey" FOREIGN KEY ("sku") REFERENCES "Product" ("sku") ON DELETE SET NULL ON UPDATE SET NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "Customer_country_tax_id_key" ON "Customer"("country", "tax_id");

-- CreateIndex
CREATE UNIQUE INDEX "Invoice_customer_id_order_number_key" ON "Invoice"("customer_id", "order_number");

-- CreateIndex
CREATE UNIQUE INDEX "Product_name_brand_id_key" ON "Product"("name", "brand_id");

-- CreateIndex
CREATE UNIQUE INDEX "Brand_name_key" ON "Brand"("name");
