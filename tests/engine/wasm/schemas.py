"""Schemas that the tests of this folder share."""

from __future__ import annotations

#: As a user of Prisma 5 or 6 writes it: with `url`.
BLOG = """
datasource db {
  provider = "sqlite"
  url      = env("DATABASE_URL")
}

generator client {
  provider             = "prisma-client-py"
  recursive_type_depth = -1
}

model User {
  id    Int    @id @default(autoincrement())
  email String @unique
  age   Int    @default(18)
  score Float  @default(1.5)
  posts Post[]
}

model Post {
  id       String @id @default(cuid())
  title    String
  author   User?  @relation(fields: [authorId], references: [id])
  authorId Int?
}
"""
