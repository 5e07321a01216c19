"""From what the database answered to what the client gets: `dataMap` nodes.

The map of a model is compiled once for the columns that a statement answers into one function
that builds the whole record, so that a row costs no walk over the map. Semantics: `data-mapper.ts`
of client-engine-runtime 7.10; the values themselves are decoded by the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..drivers.driver import LEFT_AS_THEY_ARE, Decoder, FieldType, Rows
from ..errors import EngineError

Decoders = Callable[[FieldType], Decoder | None]
Enums = Mapping[str, Mapping[str, str]]
BuildRecord = Callable[[Any], dict[str, Any]]


class JsonForm:
    """Records as an answer in JSON has them: `keys` names the fields that are wanted and the keys
    that they get, in order. `objects`: those that hold the text of a JSON object, which is read;
    null is {}. `lists`: those that are not read and get an empty list, for others to fill. Each
    JsonForm is one of its own, to be made once."""

    def __init__(
        self, keys: Mapping[str, str], *, objects: Sequence[str] = (), lists: Sequence[str] = ()
    ) -> None:
        self.keys = dict(keys)
        self.objects = frozenset(objects)
        self.lists = frozenset(lists)


class DataMap:
    """A `dataMap` node's structure. With a `form`, of the outermost records."""

    def __init__(
        self,
        structure: Mapping[str, Any],
        enums: Enums,
        decoders: Decoders,
        form: JsonForm | None = None,
    ) -> None:
        self._structure = structure
        self._enums = enums
        self._decoders = decoders
        self._is_object = structure["type"] == "object"
        self._for_columns: dict[tuple[str, ...], BuildRecord] = {}
        self.maps_rows = self._is_object and _is_flat(structure["fields"])
        """True when it can be applied to a query's rows as they come (`from_rows`)."""
        if form is not None:
            if not self.maps_rows:
                raise EngineError(None, "Only records without relations can be had as JSON.")
            fields = structure["fields"]
            wanted = {key: _wanted(name, fields, form) for name, key in form.keys.items()}
            self._structure = {**structure, "fields": wanted}
            structure = self._structure
        self._apply = self._lower(structure)

    def apply(self, data: Any) -> Any:
        """Map a count, a value, a record (dict by column name), or a list of records."""
        try:
            return self._apply(data)
        except KeyError as error:
            raise EngineError("P2023", f"Missing data field: {error}") from error

    def from_rows(self, rows: Rows) -> list[dict[str, Any]]:
        """Map the rows of one query, without making a dict by column name of each first."""
        build = self._for_columns.get(rows.columns)
        if build is None:
            places = dict(zip(rows.columns, range(len(rows.columns)), strict=True))
            try:
                build = self._compile(self._structure["fields"], lambda name: f"r[{places[name]}]")
            except KeyError as error:
                raise EngineError("P2023", f"Missing data field: {error}") from error
            self._for_columns[rows.columns] = build
        return [build(record) for record in rows.records]

    def _lower(self, structure: Mapping[str, Any]) -> Callable[[Any], Any]:
        kind = structure["type"]
        if kind == "affectedRows":
            return _count
        if kind == "field":
            decode = self._decoder(structure["fieldType"])
            return lambda data: data if data is None or decode is None else decode(data)
        if kind == "object":
            build = self._compile(structure["fields"], lambda name: f"r[{name!r}]")
            return _for_any_number(build, skip_nulls=structure["skipNulls"])
        raise EngineError(None, f"Unknown data mapping in the query plan: {kind!r}")

    def _compile(
        self, fields: Mapping[str, Mapping[str, Any]], access: Callable[[str], str]
    ) -> BuildRecord:
        """A function that builds one record; `access` gives the expression for a column of `r`."""
        names: dict[str, Any] = {}

        def keep(value: Any) -> str:
            names[name := f"f{len(names)}"] = value
            return name

        def record(fields: Mapping[str, Mapping[str, Any]]) -> str:
            return (
                "{" + ", ".join(f"{name!r}: {field(node)}" for name, node in fields.items()) + "}"
            )

        def field(node: Mapping[str, Any]) -> str:
            if node["type"] == "field":
                value = access(node["dbName"])
                decode = self._decoder(node["fieldType"])
                if node["fieldType"]["arity"] == "list":
                    decoded = f"{keep(decode)}(v)" if decode else "v"
                    return f"([] if (v := {value}) is None else {decoded})"
                if decode is None:
                    return value
                if decode in LEFT_AS_THEY_ARE:
                    kind = keep(LEFT_AS_THEY_ARE[decode])
                    same = f"(v := {value}).__class__ is {kind} or v is None"
                    return f"(v if {same} else {keep(decode)}(v))"
                return f"(None if (v := {value}) is None else {keep(decode)}(v))"
            if node["type"] == "object":
                if node["serializedName"] is None:
                    return record(node["fields"])
                return f"{keep(self._lower(node))}({access(node['serializedName'])})"
            if node["type"] == "jsonObject":
                return f"({keep(json.loads)}(v) if (v := {access(node['dbName'])}) else {{}})"
            if node["type"] == "emptyList":
                return "[]"
            raise EngineError(None, f"Unknown data mapping in the query plan: {node['type']!r}")

        source = f"lambda r: {record(fields)}"
        # The text is made of the schema's own names, quoted by repr, and of ours.
        build: BuildRecord = eval(source, names)
        return build

    def _decoder(self, field_type: FieldType) -> Decoder | None:
        if field_type["type"] != "enum":
            return self._decoders(field_type)
        name = field_type["name"]
        values = self._enums.get(name)
        if values is None:
            raise EngineError("P2023", f"Unknown enum '{name}'")

        def decode(value: Any) -> str:
            try:
                return values[value]
            except KeyError:
                message = f"Value '{value}' not found in enum '{name}'"
                raise EngineError("P2023", message) from None

        if field_type["arity"] == "list":
            return lambda items: [decode(item) for item in items]
        return decode


def map_of_columns(types: Mapping[str, str], decoders: Decoders, form: JsonForm) -> DataMap:
    """Of rows of raw SQL, whose columns have these types."""
    fields = {
        name: {
            "type": "field",
            "dbName": name,
            "fieldType": {"type": type_, "arity": "required"},
        }
        for name, type_ in types.items()
    }
    structure = {"type": "object", "serializedName": None, "skipNulls": False, "fields": fields}
    return DataMap(structure, {}, decoders, form)


def _wanted(name: str, fields: Mapping[str, Any], form: JsonForm) -> Mapping[str, Any]:
    """The node of a field in this form."""
    if name in form.lists:
        return {"type": "emptyList"}
    return {**fields[name], "type": "jsonObject"} if name in form.objects else fields[name]


def _is_flat(fields: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(
        node["type"] == "field" or (node["serializedName"] is None and _is_flat(node["fields"]))
        for node in fields.values()
    )


def _count(data: Any) -> dict[str, int]:
    if not isinstance(data, int):
        raise EngineError("P2023", f"Expected an affected rows count, got: {type(data).__name__}")
    return {"count": data}


def _for_any_number(build: BuildRecord, *, skip_nulls: bool) -> Callable[[Any], Any]:
    def apply(data: Any) -> Any:
        if data is None:
            return None
        if isinstance(data, dict):
            return build(data)
        if isinstance(data, str):
            return apply(json.loads(data))
        if not isinstance(data, Sequence):
            raise EngineError(
                "P2023", f"Expected an array or an object, got: {type(data).__name__}"
            )
        if skip_nulls:
            return [build(record) for record in data if record is not None]
        return [build(record) for record in data]

    return apply
