"""Driver adapters: a Database as the object that Prisma's schema engine calls back.

`binding.py` is the shape (driver-adapter-utils 7.10), `sqlite.py` and `postgresql.py` turn values
and types, both with the same functions in the same order.
"""
