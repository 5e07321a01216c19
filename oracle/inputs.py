"""Values for Prisma's input types, as the DMMF describes them.

Scalars are taken mostly from the seeded rows, so that filters find something and connects connect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from oracle.calls import Json, Provider
from oracle.datamodel import Datamodel, Field, Model

T = TypeVar("T")
Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""The seeded records of each model, by the fields' names."""

_TEXTS = ["", "a", "new", "Ünï 😀", "it's", "%", "_"]
_NUMBERS = [0, 1, 2, 7, -3, 100]
_JSONS: list[Any] = [{"a": 1}, [1, "two", None], "text", 3, {"n": {"k": ["v"]}}, []]


class Inputs:
    """`pick` is asked for every choice on the way."""

    pick: Callable[[Sequence[Any]], Any]

    def __init__(self, datamodel: Datamodel, records: Records, provider: Provider) -> None:
        self._models = datamodel.models
        self._enums = datamodel.enums
        self._records = records
        self._provider = provider
        schema = datamodel.dmmf["schema"]
        self._inputs = {one["name"]: one for one in schema["inputObjectTypes"]["prisma"]}
        self._enum_types = {
            one["name"]: [
                value if isinstance(value, str) else value["name"]
                for value in one.get("values", one.get("data", []))
            ]
            for space in ("prisma", "model")
            for one in schema["enumTypes"].get(space) or []
        }

    def chance(self, one_in: int) -> bool:
        return bool(self.pick(range(one_in)) == one_in // 2)  # hypothesis prefers both ends

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to `most` different ones, in their order."""
        wanted = self.pick(range(min(most, len(options)) + 1))
        left = list(range(len(options)))
        chosen = [left.pop(self.pick(range(len(left)))) for _ in range(wanted)]
        return [options[n] for n in sorted(chosen)]

    # --- input types --------------------------------------------------------------------------

    def input(
        self, name: str, model: Model, depth: int, field: Field | None = None
    ) -> dict[str, Any]:
        """A value of an input type. `model` and `field` say whose values fit its scalars."""
        kind = self._inputs[name]
        if name.endswith("WhereUniqueInput"):
            return self.unique(self._model_of(name, model))
        if "JsonFilter" in name or "JsonNullableFilter" in name:
            return self._json_filter()
        model = self._model_of(name, model)
        wanted = self._fields_of(kind, depth)
        value: dict[str, Any] = {}
        creates = "Create" in name and "OrConnect" not in name
        for one in wanted:
            of = (
                model.fields.get(one["name"], field)
                if field is None or one["name"] in model.fields
                else field
            )
            if creates and of is not None and of.is_unique and not self.chance(6):
                drawn = self._fresh(of)
            else:
                drawn = self._argument(one, model, depth, of)
            if drawn is not _NOTHING:
                value[one["name"]] = drawn
        return value

    def _fields_of(self, kind: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]]:
        fields = [one for one in kind["fields"] if one["name"] not in ("search", "_relevance")]
        required = [one for one in fields if one["isRequired"]]
        optional = [
            one for one in fields if not one["isRequired"] and (depth > 0 or _is_shallow(one))
        ]
        if not self.chance(3):
            optional = [
                one for one in optional if one["name"] not in ("AND", "OR", "NOT")
            ] or optional
        least = kind["constraints"]["minNumFields"] or 0
        most = kind["constraints"]["maxNumFields"] or 3
        if least or most == 1:
            return [*required, self.pick(optional)] if optional else required
        chosen = self.some(optional, most)
        if not chosen and not required and optional and not self.chance(8):
            chosen = [self.pick(optional)]
        return [one for one in fields if one in required or one in chosen]

    def _argument(
        self, argument: Mapping[str, Any], model: Model, depth: int, field: Field | None
    ) -> Any:
        kinds = [kind for kind in argument["inputTypes"] if self._is_wanted(kind, depth)]
        if argument["isRequired"] and not kinds:
            kinds = [kind for kind in argument["inputTypes"] if self._is_wanted(kind, 1)]
        if not kinds:
            return _NOTHING
        kind = self.pick(kinds)
        if kind["location"] == "inputObjectTypes":
            target = self._models[field.type] if field is not None and field.is_relation else model
            draw = partial(self.input, kind["type"], target, depth - 1, field)
        elif kind["location"] == "enumTypes":
            draw = partial(self.pick, self._enum_types[kind["type"]])
        elif kind["type"] == "Null":
            return None
        else:
            draw = partial(self._scalar, kind["type"], model, field)
        if not kind["isList"]:
            return draw()
        items = [draw() for _ in range(self.pick([1, 2, 0, 3]))]
        return uniform(items) if "Create" in kind["type"] else items

    def _is_wanted(self, kind: Mapping[str, Any], depth: int) -> bool:
        if kind["location"] == "fieldRefTypes" or "JsonNull" in kind["type"]:
            return False
        return depth > 0 or kind["location"] != "inputObjectTypes" or not _holds_model(kind["type"])

    def _model_of(self, name: str, default: Model) -> Model:
        """An input type of a model starts with its name; the longest fits ("User", "UserGroup")."""
        meta = (self._inputs[name].get("meta") or {}).get("grouping")
        return self._models.get(meta or "", default)

    # --- values -------------------------------------------------------------------------------

    def value(self, model: Model, field: Field) -> Any:
        return self._scalar(field.type, model, field)

    def _scalar(self, kind: str, model: Model, field: Field | None) -> Any:
        if (
            field is not None
            and not field.is_relation
            and field.type == kind
            and not self.chance(4)
        ):
            seeded = self._seeded(model, field)
            if seeded:
                return self.pick(seeded)
        if field is not None and field.is_enum:
            return self.pick(list(self._enums[field.type]))
        match kind:
            case "String":
                return self.pick(_TEXTS)
            case "Int":
                return self.pick(_NUMBERS)
            case "BigInt":
                return self.pick([*_NUMBERS, 2**53 + 1])
            case "Float":
                return self.pick([0.5, 2.0, -1.25, 100.0])
            case "Decimal":
                return self.pick([Decimal("0.5"), Decimal("2"), Decimal("-1.25")])
            case "Boolean":
                return self.pick([True, False])
            case "DateTime":
                return self.pick([datetime(2024, 1, 3, 12, 30, 15), datetime(2030, 1, 1)])
            case "Bytes":
                return self.pick([b"", b"one", b"\xff"])
            case "Json":
                return Json(self.pick(_JSONS))
        raise LookupError(f"no values for {kind}")

    def _fresh(self, field: Field) -> Any:
        """A value that no seeded record has, and rarely two records of one case."""
        number = self.pick(range(5000, 6000))
        match field.type:
            case "String":
                return f"fresh {number}"
            case "Int" | "BigInt":
                return number
            case "Decimal":
                return Decimal(number)
            case "DateTime":
                return datetime(2031, 1, 1, 0, 0, number % 60, number % 100 * 1000)
            case "Bytes":
                return str(number).encode()
        return self.pick(list(self._enums[field.type]))

    def _seeded(self, model: Model, field: Field) -> list[Any]:
        found: list[Any] = []
        for record in self._records[model.name]:
            value = record.get(field.name)
            found += value if isinstance(value, list) else [value]
        return [Json(value) if is_json(field) else value for value in found if value is not None]

    def _json_filter(self) -> dict[str, Any]:
        if self._provider == "sqlite" or self.chance(2):
            return {self.pick(["equals", "not"]): Json(self.pick(_JSONS))}
        path = self.pick(
            [["name"], ["n"], ["size"], ["tags"], ["nested", "deep", "0"], ["missing"]]
        )
        operator, value = self.pick(
            [
                ("equals", Json("spec")),
                ("equals", Json(1)),
                ("not", Json(2)),
                ("gt", Json(1)),
                ("lte", Json(3)),
                ("string_contains", "e"),
                ("string_starts_with", "s"),
                ("string_ends_with", "c"),
                ("array_contains", Json(["x"])),
                ("array_starts_with", Json("x")),
                ("array_ends_with", Json("y")),
            ]
        )
        return {"path": path, operator: value}

    def unique(self, model: Model) -> dict[str, Any]:
        """A unique key: mostly one of a seeded record, at times one of none."""
        name = self.pick(list(model.uniques))
        fields = model.uniques[name]
        record = self.pick(self._records[model.name])
        values = {field: record[field] for field in fields}
        if self.chance(6) or any(value is None for value in values.values()):
            values = {field: self.value(model, model.fields[field]) for field in fields}
        return (
            {name: values[fields[0]]} if len(fields) == 1 and name == fields[0] else {name: values}
        )

    def where(self, model: Model, depth: int) -> dict[str, Any]:
        return self.input(f"{model.name}WhereInput", model, depth)


_NOTHING = object()


def uniform(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same fields in each: rows of different ones become several INSERTs, in an order that
    Prisma's compiler leaves to chance, and so the ids of the rows and which error comes first."""
    return [{name: row.get(name, value) for name, value in rows[0].items()} for row in rows]


def is_json(field: Field) -> bool:
    return field.type == "Json"


def _is_shallow(argument: Mapping[str, Any]) -> bool:
    return any(
        kind["location"] != "inputObjectTypes" or not _holds_model(kind["type"])
        for kind in argument["inputTypes"]
    )


def _holds_model(name: str) -> bool:
    """Filters and operations of scalars end there; the other input types lead on."""
    return not name.endswith(("Filter", "OperationsInput")) or "Relation" in name
