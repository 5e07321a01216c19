"""Prisma's query plans, lowered once into Python closures and run many times.

A plan is the tree that the query compiler emits for one shape of a query; its nodes are described
by `query-plan.d.ts` of @prisma/client-engine-runtime 7.10, whose interpreter defines what they
mean. Instead of walking the tree for every query, `lower.py` turns it into a *program*, which
yields statements and is sent their answers, and so knows nothing of I/O.

    lower.py        one arm per kind of node; an unknown kind fails by its name
    statements.py   SQL text and its arguments
    values.py       values in plans: constants, Params, generator calls
    generators.py   now, cuid, uuid, ulid, nanoid
    data_map.py     from the columns of rows to the fields of the result
    records.py      joins, in-memory paging and distinct, differences
    rules.py        what must hold of a result, and the error if it does not
"""

from __future__ import annotations

from .data_map import JsonForm
from .lower import Plan, Single, lower_plan

__all__ = ["JsonForm", "Plan", "Single", "lower_plan"]
