"""Rows for shop.prisma."""

from __future__ import annotations

from decimal import Decimal

from oracle.calls import Call, Model
from oracle.seeds.days import day


def shop() -> list[Call]:
    return [
        Model("Customer").create_many(
            data=[
                {
                    "id": "c1",
                    "name": "Acme",
                    "country": "DE",
                    "taxId": "1",
                    "credit": Decimal("100.50"),
                },
                {"id": "c2", "name": "Bolt", "country": "DE", "taxId": "2"},
                {
                    "id": "c3",
                    "name": "acme",
                    "country": "FR",
                    "taxId": "1",
                    "credit": Decimal("-3.1"),
                },
            ]
        ),
        Model("Brand").create_many(
            data=[
                {"id": 1, "name": "No name"},
                {"id": 2, "name": "Bolt"},
                {"id": 3, "name": "Idle"},
            ]
        ),
        Model("Supplier").create_many(
            data=[
                {"id": 1, "name": "North", "city": "Oslo"},
                {"id": 2, "name": "South", "city": None},
                {"id": 3, "name": "East", "city": "Oslo"},
            ]
        ),
        Model("Product").create_many(
            data=[
                {
                    "sku": "bolt-1",
                    "name": "Bolt",
                    "price": Decimal("0.10"),
                    "stock": 1000,
                    "weight": 0.01,
                    "brandId": 2,
                    "supplierId": 1,
                },
                {
                    "sku": "bolt-2",
                    "name": "Bolt",
                    "price": Decimal("0.35"),
                    "stock": 0,
                    "weight": None,
                    "brandId": 1,
                    "supplierId": 1,
                },
                {
                    "sku": "saw",
                    "name": "Saw",
                    "price": Decimal("49.99"),
                    "stock": 7,
                    "weight": 2.5,
                    "brandId": 2,
                    "supplierId": 2,
                },
                {
                    "sku": "glue",
                    "name": "Glue",
                    "price": Decimal("3"),
                    "stock": 40,
                    "weight": 0.25,
                    "brandId": 1,
                    "supplierId": None,
                },
            ]
        ),
        Model("Order").create_many(
            data=[
                {
                    "customerId": "c1",
                    "number": 1,
                    "state": "PAID",
                    "total": Decimal("52.49"),
                    "placedAt": day(1),
                    "updatedAt": day(2),
                },
                {
                    "customerId": "c1",
                    "number": 2,
                    "state": "OPEN",
                    "total": Decimal("0.70"),
                    "placedAt": day(3),
                    "updatedAt": day(3),
                },
                {
                    "customerId": "c2",
                    "number": 1,
                    "state": "SHIPPED",
                    "total": Decimal("3"),
                    "placedAt": day(3),
                    "updatedAt": day(8),
                },
                {
                    "customerId": "c3",
                    "number": 7,
                    "state": "OPEN",
                    "placedAt": day(5),
                    "updatedAt": day(5),
                },
            ]
        ),
        Model("Line").create_many(
            data=[
                {
                    "customerId": "c1",
                    "orderNumber": 1,
                    "position": 1,
                    "quantity": 1,
                    "price": Decimal("49.99"),
                    "sku": "saw",
                },
                {
                    "customerId": "c1",
                    "orderNumber": 1,
                    "position": 2,
                    "quantity": 25,
                    "price": Decimal("0.10"),
                    "sku": "bolt-1",
                },
                {
                    "customerId": "c1",
                    "orderNumber": 2,
                    "position": 1,
                    "quantity": 2,
                    "price": Decimal("0.35"),
                    "sku": "bolt-2",
                },
                {
                    "customerId": "c2",
                    "orderNumber": 1,
                    "position": 1,
                    "quantity": 1,
                    "price": Decimal("3"),
                    "sku": "glue",
                },
            ]
        ),
        Model("Invoice").create_many(
            data=[
                {"id": 9007199254740993, "text": "for c1/1", "customerId": "c1", "orderNumber": 1},
                {"id": 2, "text": "for c2/1", "customerId": "c2", "orderNumber": 1},
                {"id": 3, "text": "for nobody", "customerId": None, "orderNumber": None},
            ]
        ),
        Model("Shelf").create_many(
            data=[
                {"hall": 1, "rack": "A", "note": "top", "sku": "saw"},
                {"hall": 1, "rack": "B", "note": None, "sku": "glue"},
                {"hall": 2, "rack": "A", "note": "", "sku": "glue"},
                {"hall": 2, "rack": "Z", "note": "free", "sku": None},
            ]
        ),
    ]
