"""The rows that every case starts from. Few, but with the values that queries stumble over: NULLs,
ties, empty text, upper and lower case, wildcards of LIKE, quotes, text that is not ASCII, numbers
at the ends of their range. Every id and time is given, so that each run starts from the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from oracle.calls import Call, Provider
from oracle.seeds.blog import blog
from oracle.seeds.postgres import postgres
from oracle.seeds.shop import shop
from oracle.seeds.types import types

SEEDS: Mapping[str, Callable[[], list[Call]]] = {
    "blog": blog,
    "shop": shop,
    "types": types,
    "postgres": postgres,
}
SCHEMAS: Mapping[Provider, Sequence[str]] = {
    "sqlite": ("blog", "shop", "types"),
    "postgresql": ("blog", "shop", "types", "postgres"),
}
