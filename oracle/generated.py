"""Calls made up from the schema's own input types.

The DMMF names, for every place of a query, what Prisma accepts there. A random walk over those
types gives filters, orders, pages, includes and nested writes that nobody would write by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oracle.calls import PYTHON_NAMES, Call, Case, Mode
from oracle.datamodel import Field, Model
from oracle.inputs import Inputs, is_json, uniform
from oracle.outcomes import is_total

FILTER_DEPTH = 3
WRITE_DEPTH = 2

_WRITES = ["create", "update", "upsert"] * 4 + [
    "delete",
    "update_many",
    "delete_many",
    "create_many",
] * 2
_METHODS = ["find_many"] * 8 + ["find_unique", "count", "group_by", "find_first"] * 2 + _WRITES


class Walk(Inputs):
    """`case()` makes up a case: mostly one call, at times several."""

    def case(self, schema: str) -> Case:
        if not self.chance(6):
            return Case(schema, (self.call(),), origin="generated")
        mode: Mode = self.pick(["each", "commit", "rollback", "batch"])
        methods = _WRITES if mode == "batch" else _METHODS
        calls = [self.call(methods) for _ in range(self.pick([2, 3, 4]))]
        return Case(schema, tuple(calls), mode, origin="generated")

    def call(self, methods: Sequence[str] = _METHODS) -> Call:
        model = self._models[self.pick(list(self._models))]
        method = self.pick(methods)
        args: dict[str, Any] = getattr(self, f"_{method}")(model)
        return Call(model.name, method, _in_python(args))

    def _find_many(self, model: Model) -> dict[str, Any]:
        args: dict[str, Any] = {}
        if not self.chance(3):
            args["where"] = self.where(model, FILTER_DEPTH)
        args.update(self._page(model, order="order"))
        if not self.chance(3):
            args["include"] = self.include(model, 3)
        return args

    def _find_first(self, model: Model) -> dict[str, Any]:
        args = self._find_many(model)
        args.pop("take", None)
        if not is_total(model, args.get("order")):
            args["order"] = self.order(model, total=True)
        return args

    def _page(self, model: Model, *, order: str) -> dict[str, Any]:
        args: dict[str, Any] = {}
        if self.chance(3):
            return args
        args[order] = self.order(model, total=True)
        if self.chance(2):
            args["take"] = self.pick([1, 2, 3, 5, 0, -1, -2])
        if self.chance(3):
            args["skip"] = self.pick([1, 2, 0, 9])
        if self.chance(4):
            args["cursor"] = self.unique(model)
        if self.chance(5):
            args["distinct"] = self.some([f.name for f in model.scalars if not is_json(f)], 2) or [
                model.scalars[0].name
            ]
        return args

    def _find_unique(self, model: Model) -> dict[str, Any]:
        args: dict[str, Any] = {"where": self.unique(model)}
        if self.chance(3):
            args["where"] |= self.where(model, 1)
        if self.chance(2):
            args["include"] = self.include(model, 3)
        return args

    def _count(self, model: Model) -> dict[str, Any]:
        args: dict[str, Any] = {"where": self.where(model, FILTER_DEPTH)}
        if self.chance(2):
            args["select"] = dict.fromkeys(
                ("_all", *self.some([f.name for f in model.scalars], 3)), True
            )
        if self.chance(3):
            args |= {"take": self.pick([1, 3, 20]), "skip": self.pick([0, 1, 4])}
        return args

    def _group_by(self, model: Model) -> dict[str, Any]:
        plain = [f for f in model.scalars if not is_json(f) and not f.is_list]
        by = [f.name for f in self.some(plain, 2)] or [plain[0].name]
        numbers = [f for f in plain if f.type in ("Int", "BigInt", "Float", "Decimal")]
        comparable = [f for f in plain if f.type not in ("Boolean", "Bytes")]
        args: dict[str, Any] = {"by": by}
        if self.chance(2):
            args["where"] = self.where(model, 2)
        if self.chance(2):
            args["count"] = {"_all": True, **{f.name: True for f in self.some(plain, 2)}}
        for function, fields in (
            ("sum", numbers),
            ("avg", numbers),
            ("min", comparable),
            ("max", comparable),
        ):
            if fields and self.chance(3):
                args[function] = {self.pick(fields).name: True}
        if self.chance(2):
            args["order"] = [{name: self.pick(["asc", "desc"])} for name in by]
            if self.chance(2):
                args["take"] = self.pick([1, 2, 3])
        if numbers and self.chance(3):
            field = self.pick(numbers)
            args["having"] = {
                field.name: {
                    self.pick(["_sum", "_min", "_max"]): {
                        self.pick(["gt", "lte", "not"]): self.value(model, field)
                    }
                }
            }
        return args

    def _create(self, model: Model) -> dict[str, Any]:
        kind = self.pick(["Create", "UncheckedCreate"])
        return {
            "data": self.input(f"{model.name}{kind}Input", model, WRITE_DEPTH)
        } | self._maybe_include(model)

    def _create_many(self, model: Model) -> dict[str, Any]:
        rows = uniform(
            [
                self.input(f"{model.name}CreateManyInput", model, 1)
                for _ in range(self.pick([2, 1, 3]))
            ]
        )
        skip = (
            {"skip_duplicates": True} if self._provider == "postgresql" and self.chance(3) else {}
        )
        return {"data": rows} | skip

    def _update(self, model: Model) -> dict[str, Any]:
        kind = self.pick(["Update", "UncheckedUpdate"])
        data = self.input(f"{model.name}{kind}Input", model, WRITE_DEPTH)
        return {"where": self.unique(model), "data": data} | self._maybe_include(model)

    def _upsert(self, model: Model) -> dict[str, Any]:
        create, update = self._create(model)["data"], self._update(model)["data"]
        where = self.unique(model)
        if self.chance(2):
            create |= {
                name: value for name, value in where.items() if not isinstance(value, Mapping)
            }
        return {"where": where, "data": {"create": create, "update": update}} | self._maybe_include(
            model
        )

    def _delete(self, model: Model) -> dict[str, Any]:
        return {"where": self.unique(model)} | self._maybe_include(model)

    def _update_many(self, model: Model) -> dict[str, Any]:
        name = (
            f"{model.name}UncheckedUpdateManyInput"
            if self.chance(2)
            else f"{model.name}UpdateManyMutationInput"
        )
        return {"where": self.where(model, FILTER_DEPTH), "data": self.input(name, model, 1)}

    def _delete_many(self, model: Model) -> dict[str, Any]:
        return {"where": self.where(model, FILTER_DEPTH)}

    def _maybe_include(self, model: Model) -> dict[str, Any]:
        return {"include": self.include(model, 2)} if self.chance(2) else {}

    # --- parts of calls -----------------------------------------------------------------------

    def include(self, model: Model, depth: int) -> dict[str, Any]:
        relations = [field for field in model.fields.values() if field.is_relation]
        return {field.name: self._included(field, depth) for field in self.some(relations, 2)}

    def _included(self, field: Field, depth: int) -> Any:
        related = self._models[field.type]
        args: dict[str, Any] = {}
        if field.is_list:
            if self.chance(2):
                args["where"] = self.where(related, 1)
            args.update(self._page(related, order="order_by"))
        if depth > 1 and self.chance(2):
            args["include"] = self.include(related, depth - 1)
        return args or True

    def order(self, model: Model, *, total: bool) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = []
        for _ in range(self.pick([0, 0, 1, 2])):
            orders.append(self._one_order(model, 2))
        if total:
            key = self.pick(
                [fields for fields in model.uniques.values() if self._is_required(model, fields)]
            )
            orders += [{name: self.pick(["asc", "desc"])} for name in key]
        return orders

    def _is_required(self, model: Model, fields: Sequence[str]) -> bool:
        """NULLs are never equal to each other: a unique key with NULLs orders nothing."""
        return all(
            record[name] is not None for record in self._records[model.name] for name in fields
        )

    def _one_order(self, model: Model, depth: int) -> dict[str, Any]:
        direction = self.pick(["asc", "desc"])
        relations = [field for field in model.fields.values() if field.is_relation]
        if depth and relations and self.chance(3):
            field = self.pick(relations)
            if field.is_list:
                return {field.name: {"_count": direction}}
            return {field.name: self._one_order(self._models[field.type], depth - 1)}
        field = self.pick([field for field in model.scalars if not is_json(field)])
        accepts = self._inputs[f"{model.name}OrderByWithRelationInput"]["fields"]
        nullable = any(len(one["inputTypes"]) > 1 for one in accepts if one["name"] == field.name)
        if nullable and self.chance(2):
            return {field.name: {"sort": direction, "nulls": self.pick(["first", "last"])}}
        return {field.name: direction}


def _in_python(value: Any) -> Any:
    """Prisma's names of operators, as the Python client has them."""
    if isinstance(value, Mapping):
        return {PYTHON_NAMES.get(name, name): _in_python(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_python(item) for item in value]
    return value
