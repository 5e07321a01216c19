"""The databases: one package per provider, each with the same three modules.

connection.py   I/O: connections, threads or pools, transactions
values.py       between Prisma's values and the database's
errors.py       from the database's errors to `DriverError`
"""
