-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "OrderState" AS ENUM ('OPEN', 'paid', 'sent out');

-- CreateTable
CREATE TABLE "Customer" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "tax_id" TEXT NOT NULL,
    "credit" DECIMAL(65,30) NOT NULL DEFAULT 0,

    CONSTRAINT "Customer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "orders" (
    "customer_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "state" "OrderState" NOT NULL DEFAULT 'OPEN',
    "total" DECIMAL(65,30) NOT NULL DEFAULT 0,
    "placed_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("customer_id","number")
);

-- CreateTable
CREATE TABLE "Line" (
    "customer_id" TEXT NOT NULL,
    "order_number" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL DEFAULT 1,
    "price" DECIMAL(65,30) NOT NULL,
    "sku" TEXT NOT NULL,

    CONSTRAINT "Line_pkey" PRIMARY KEY ("customer_id","order_number","position")
);

-- CreateTable
CREATE TABLE "Invoice" (
    "id" BIGINT NOT NULL,
    "text" TEXT NOT NULL,
    "customer_id" TEXT,
    "order_number" INTEGER,

    CONSTRAINT "Invoice_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Product" (
    "sku" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "price" DECIMAL(65,30) NOT NULL,
    "stock" INTEGER NOT NULL DEFAULT 0,
    "weight" DOUBLE PRECISION,
    "brand_id" INTEGER NOT NULL DEFAULT 1,
    "supplier_id" INTEGER,

    CONSTRAINT "Product_pkey" PRIMARY KEY ("sku")
);

-- CreateTable
CREATE TABLE "Brand" (
    "id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "Brand_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Supplier" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "city" TEXT,

    CONSTRAINT "Supplier_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Shelf" (
    "hall" INTEGER NOT NULL,
    "rack" TEXT NOT NULL,
    "note" TEXT,
    "sku" TEXT,

    CONSTRAINT "Shelf_pkey" PRIMARY KEY ("hall","rack")
);

-- CreateIndex
CREATE UNIQUE INDEX "Customer_country_tax_id_key" ON "Customer"("country", "tax_id");

-- CreateIndex
CREATE UNIQUE INDEX "Invoice_customer_id_order_number_key" ON "Invoice"("customer_id", "order_number");

-- CreateIndex
CREATE UNIQUE INDEX "Product_name_brand_id_key" ON "Product"("name", "brand_id");

-- CreateIndex
CREATE UNIQUE INDEX "Brand_name_key" ON "Brand"("name");

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "Customer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Line" ADD CONSTRAINT "Line_customer_id_order_number_fkey" FOREIGN KEY ("customer_id", "order_number") REFERENCES "orders"("customer_id", "number") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Line" ADD CONSTRAINT "Line_sku_fkey" FOREIGN KEY ("sku") REFERENCES "Product"("sku") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Invoice" ADD CONSTRAINT "Invoice_customer_id_order_number_fkey" FOREIGN KEY ("customer_id", "order_number") REFERENCES "orders"("customer_id", "number") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Product" ADD CONSTRAINT "Product_brand_id_fkey" FOREIGN KEY ("brand_id") REFERENCES "Brand"("id") ON DELETE SET DEFAULT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Product" ADD CONSTRAINT "Product_supplier_id_fkey" FOREIGN KEY ("supplier_id") REFERENCES "Supplier"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Shelf" ADD CONSTRAINT "Shelf_sku_fkey" FOREIGN KEY ("sku") REFERENCES "Product"("sku") ON DELETE SET NULL ON UPDATE SET NULL;
