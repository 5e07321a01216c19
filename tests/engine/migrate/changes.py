"""Changes of a schema as people make them, each on a table with rows."""

from __future__ import annotations

from dataclasses import dataclass

Rows = list[tuple[str, ...]]

BOTH = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Change:
    name: str
    before: str
    rows: str
    """SQL, run after the first migration."""
    after: str
    look: str
    """A query whose answer shows what became of the rows, in an order of its own."""
    expected: Rows
    warns: tuple[str, ...] = ()
    """The providers on which Prisma warns of lost data."""
    impossible: tuple[str, ...] = ()
    """The providers on which Prisma says that the rows make the change impossible."""
    no_change: tuple[str, ...] = ()
    """The providers on which there is nothing to migrate."""
    providers: tuple[str, ...] = BOTH


def model(name: str, *fields: str) -> str:
    return f"model {name} {{\n" + "".join(f"  {field}\n" for field in fields) + "}\n"


ID = "id Int @id @default(autoincrement())"
TWO = "INSERT INTO \"A\" (t) VALUES ('one'), ('two')"
A = model("A", ID, "t String")
SEEN = [("1", "one"), ("2", "two")]

PARENT = model("P", "id Int @id", "name String", "children C[]")
LOOSE_PARENT = model("P", "id Int @id", "name String")
FAMILY = (
    "INSERT INTO \"P\" VALUES (1, 'p'), (2, 'q');"
    ' INSERT INTO "C" (id, p) VALUES (1, 1), (2, 1), (3, 2)'
)


def child(relation: str, *, optional: bool = False) -> str:
    mark = "?" if optional else ""
    return model("C", "id Int @id", f"p Int{mark}", f"parent P{mark} {relation}")


RELATION = "@relation(fields: [p], references: [id])"

CHANGES = [
    Change("add an optional column", A, TWO, model("A", ID, "t String", "x Int?"),
           'SELECT id, t, x FROM "A" ORDER BY id', [("1", "one", ""), ("2", "two", "")]),
    Change("add a required column with a default", A, TWO,
           model("A", ID, "t String", "x Int @default(7)"),
           'SELECT id, t, x FROM "A" ORDER BY id', [("1", "one", "7"), ("2", "two", "7")]),
    Change("add a required column without a default", A, TWO, model("A", ID, "t String", "x Int"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, impossible=BOTH),
    Change("add a required column to an empty table", A, "",
           model("A", ID, "t String", "x Int"), 'SELECT id, t, x FROM "A"', []),
    Change("add a column that is filled by the database", A, TWO,
           model("A", ID, "t String", "at DateTime @default(now())"),
           'SELECT id, t, at IS NOT NULL AND 1 = 1 FROM "A" WHERE at IS NULL', []),
    Change("add columns of many types", A, TWO,
           model("A", ID, "t String", "f Float?", "b Boolean @default(false)", "g BigInt?",
                 "d Decimal?", "y Bytes?", "j Json?", "w DateTime?"),
           'SELECT id, t, f, g, d, j FROM "A" ORDER BY id',
           [("1", "one", "", "", "", ""), ("2", "two", "", "", "", "")]),
    Change("drop a column with values", model("A", ID, "t String", "x Int?"),
           'INSERT INTO "A" (t, x) VALUES (\'one\', 1), (\'two\', 2)', A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN, warns=BOTH),
    Change("drop a column without values", model("A", ID, "t String", "x Int?"), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("rename a field but not its column", A, TWO, model("A", ID, 'title String @map("t")'),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, no_change=BOTH),
    Change("rename an optional column, which Prisma takes for another one",
           model("A", ID, "t String?"), TWO, model("A", ID, "u String?"),
           'SELECT id, u FROM "A" ORDER BY id', [("1", ""), ("2", "")], warns=BOTH),
    Change("rename a required column, which Prisma takes for another one", A, TWO,
           model("A", ID, "u String"), 'SELECT id, t FROM "A" ORDER BY id', SEEN,
           impossible=BOTH),
    Change("rename a model but not its table", A, TWO,
           "model B {\n  id Int @id @default(autoincrement())\n  t String\n  @@map(\"A\")\n}\n",
           'SELECT id, t FROM "A" ORDER BY id', SEEN, no_change=BOTH),
    Change("rename a table, which Prisma takes for another one", A, TWO,
           model("B", ID, "t String"), 'SELECT id, t FROM "B"', [], warns=BOTH),
    Change("reorder the fields", model("A", ID, "t String", "x Int?"), TWO,
           model("A", "x Int?", "t String", ID), 'SELECT id, t FROM "A" ORDER BY id', SEEN,
           no_change=BOTH),
    Change("make a column optional", A, TWO, model("A", ID, "t String?"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("make a column required when all rows have it", model("A", ID, "t String?"), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN, impossible=()),
    Change("make a column required when some rows lack it", model("A", ID, "t String?"),
           'INSERT INTO "A" (t) VALUES (\'one\'), (NULL)', A,
           'SELECT id, t FROM "A" ORDER BY id', [("1", "one"), ("2", "")], impossible=BOTH),
    Change("make a column required, with a default for the rows that lack it",
           model("A", ID, "t String?"), 'INSERT INTO "A" (t) VALUES (\'one\'), (NULL)',
           model("A", ID, 't String @default("two")'),
           'SELECT id, coalesce(t, \'two\') FROM "A" ORDER BY id', SEEN,
           impossible=("postgresql",)),
    Change("give a column a default", A, TWO, model("A", ID, 't String @default("new")'),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("take a column's default away", model("A", ID, 't String @default("old")'), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("turn an Int into a String", model("A", ID, "x Int"),
           'INSERT INTO "A" (x) VALUES (1), (22)', model("A", ID, "x String"),
           'SELECT id, x FROM "A" ORDER BY id', [("1", "1"), ("2", "22")]),
    Change("turn an Int into a BigInt", model("A", ID, "x Int"),
           'INSERT INTO "A" (x) VALUES (1), (22)', model("A", ID, "x BigInt"),
           'SELECT id, x FROM "A" ORDER BY id', [("1", "1"), ("2", "22")], warns=("sqlite",)),
    Change("turn an Int into a Float", model("A", ID, "x Int"),
           'INSERT INTO "A" (x) VALUES (1), (22)', model("A", ID, "x Float"),
           'SELECT id, CAST(x AS INTEGER) FROM "A" ORDER BY id', [("1", "1"), ("2", "22")],
           warns=("sqlite",)),
    Change("turn a BigInt into an Int", model("A", ID, "x BigInt"),
           'INSERT INTO "A" (x) VALUES (1), (22)', model("A", ID, "x Int"),
           'SELECT id, x FROM "A" ORDER BY id', [("1", "1"), ("2", "22")], warns=BOTH),
    Change("turn an optional String into an Int", model("A", ID, "x String?"),
           'INSERT INTO "A" (x) VALUES (\'1\')', model("A", ID, "x Int?"),
           'SELECT count(*) FROM "A"', [("1",)], warns=BOTH),
    Change("add a unique index", A, TWO, model("A", ID, "t String @unique"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, warns=BOTH),
    Change("drop a unique index", model("A", ID, "t String @unique"), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("add an index", A, TWO, model("A", ID, "t String", "@@index([t(sort: Desc), id])"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("drop an index", model("A", ID, "t String", "@@index([t])"), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("rename an index", model("A", ID, "t String", "@@index([t])"), TWO,
           model("A", ID, "t String", '@@index([t], map: "by_t")'),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("add a compound unique index", model("A", ID, "t String", "x Int"),
           'INSERT INTO "A" (t, x) VALUES (\'one\', 1), (\'two\', 1)',
           model("A", ID, "t String", "x Int", "@@unique([t, x])"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, warns=BOTH),
    Change("change the primary key to a compound one",
           model("A", "a Int @id", "b Int", "t String"),
           "INSERT INTO \"A\" VALUES (1, 1, 'one'), (2, 1, 'two')",
           model("A", "a Int", "b Int", "t String", "@@id([a, b])"),
           'SELECT a, t FROM "A" ORDER BY a', SEEN, warns=BOTH),
    Change("add a table", A, TWO, A + model("B", "id String @id @default(cuid())", "n Int"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("drop a table with rows", A + model("B", ID, "x Int?"),
           f'{TWO}; INSERT INTO "B" (x) VALUES (1)', A, 'SELECT id, t FROM "A" ORDER BY id', SEEN,
           warns=BOTH),
    Change("drop an empty table", A + model("B", ID, "x Int?"), TWO, A,
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("add a relation to a column that is there",
           LOOSE_PARENT + model("C", "id Int @id", "p Int"), FAMILY, PARENT + child(RELATION),
           'SELECT id, p FROM "C" ORDER BY id', [("1", "1"), ("2", "1"), ("3", "2")]),
    Change("drop a relation", PARENT + child(RELATION), FAMILY,
           LOOSE_PARENT + model("C", "id Int @id", "p Int"),
           'SELECT id, p FROM "C" ORDER BY id', [("1", "1"), ("2", "1"), ("3", "2")]),
    Change("change what a relation does on delete", PARENT + child(RELATION), FAMILY,
           PARENT + child(RELATION[:-1] + ", onDelete: Cascade)"),
           'SELECT id, p FROM "C" ORDER BY id', [("1", "1"), ("2", "1"), ("3", "2")]),
    Change("rebuild a parent whose children cascade",
           PARENT + child(RELATION[:-1] + ", onDelete: Cascade)"), FAMILY,
           PARENT.replace("name String", 'name String @default("n")')
           + child(RELATION[:-1] + ", onDelete: Cascade)"),
           'SELECT id, p FROM "C" ORDER BY id', [("1", "1"), ("2", "1"), ("3", "2")]),
    Change("make a relation optional", PARENT + child(RELATION), FAMILY,
           PARENT + child(RELATION, optional=True),
           'SELECT id, p FROM "C" ORDER BY id', [("1", "1"), ("2", "1"), ("3", "2")]),
    Change("add an implicit many-to-many relation", A + model("B", "id Int @id"),
           f'{TWO}; INSERT INTO "B" VALUES (5)',
           model("A", ID, "t String", "bs B[]") + model("B", "id Int @id", "as A[]"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("add a relation of a table to itself", A, TWO,
           model("A", ID, "t String", "up Int?",
                 'parent A? @relation("tree", fields: [up], references: [id])',
                 'children A[] @relation("tree")'),
           'SELECT id, t FROM "A" ORDER BY id', SEEN),
    Change("several changes at once", A + model("B", ID, "x Int?"), TWO,
           model("A", ID, "t String? @unique", "n Int @default(0)", "@@index([n, t])")
           + model("D", "id Int @id", "u String @unique"),
           'SELECT id, t, n FROM "A" ORDER BY id', [("1", "one", "0"), ("2", "two", "0")],
           warns=("postgresql",)),
    Change("add a value to an enum", "enum E {\n  x\n  y\n}\n" + model("A", ID, "e E"),
           "INSERT INTO \"A\" (e) VALUES ('x'), ('y')",
           "enum E {\n  x\n  y\n  z\n}\n" + model("A", ID, "e E"),
           'SELECT id, e FROM "A" ORDER BY id', [("1", "x"), ("2", "y")], no_change=("sqlite",)),
    Change("remove a value from an enum that no row has",
           "enum E {\n  x\n  y\n  z\n}\n" + model("A", ID, "e E @default(x)"),
           "INSERT INTO \"A\" (e) VALUES ('x'), ('y')",
           "enum E {\n  x\n  y\n}\n" + model("A", ID, "e E @default(x)"),
           'SELECT id, e FROM "A" ORDER BY id', [("1", "x"), ("2", "y")],
           warns=("postgresql",), no_change=("sqlite",)),
    Change("turn a String into an enum", model("A", ID, "e String?"),
           "INSERT INTO \"A\" (e) VALUES ('x')",
           "enum E {\n  x\n  y\n}\n" + model("A", ID, "e E?"),
           'SELECT count(*) FROM "A"', [("1",)], warns=("postgresql",), no_change=("sqlite",)),
    Change("add a list of scalars", A, TWO, model("A", ID, "t String", "tags String[]"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, providers=("postgresql",)),
    Change("lengthen a VarChar", model("A", ID, "t String @db.VarChar(5)"), TWO,
           model("A", ID, "t String @db.VarChar(50)"), 'SELECT id, t FROM "A" ORDER BY id', SEEN,
           providers=("postgresql",)),
    Change("shorten a VarChar", model("A", ID, "t String @db.VarChar(50)"), TWO,
           model("A", ID, "t String @db.VarChar(5)"), 'SELECT id, t FROM "A" ORDER BY id', SEEN,
           warns=("postgresql",), providers=("postgresql",)),
    Change("add a GIN index on JSON", model("A", ID, "t String", "j Json?"), TWO,
           model("A", ID, "t String", "j Json?", "@@index([j], type: Gin)"),
           'SELECT id, t FROM "A" ORDER BY id', SEEN, providers=("postgresql",)),
]  # fmt: skip
