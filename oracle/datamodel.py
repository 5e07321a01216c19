"""What the comparison and the generator must know of a schema, read from Prisma's DMMF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    name: str
    column: str
    type: str
    """A scalar's name, an enum's, or the related model's."""
    is_relation: bool
    is_enum: bool
    is_list: bool
    is_unique: bool
    generator: str | None
    """What Prisma makes up when no value is given: cuid, uuid, ulid, nanoid, now, ..."""


@dataclass(frozen=True)
class Model:
    name: str
    table: str
    fields: Mapping[str, Field]
    uniques: Mapping[str, Sequence[str]]
    """Every unique key: its name in a where, and the fields it is made of."""

    @property
    def scalars(self) -> list[Field]:
        return [field for field in self.fields.values() if not field.is_relation]


class Datamodel:
    def __init__(self, dmmf: Mapping[str, Any]) -> None:
        self.dmmf = dmmf
        datamodel = dmmf["datamodel"]
        self.models = {model["name"]: _model(model) for model in datamodel["models"]}
        self.enums = {
            enum["name"]: {
                value["name"]: value["dbName"] or value["name"] for value in enum["values"]
            }
            for enum in datamodel["enums"]
        }
        self.by_table = {model.table: model for model in self.models.values()}


def _model(model: Mapping[str, Any]) -> Model:
    fields = {field["name"]: _field(field) for field in model["fields"]}
    uniques: dict[str, Sequence[str]] = {
        field["name"]: [field["name"]]
        for field in model["fields"]
        if field["isId"] or field["isUnique"]
    }
    keys = [model["primaryKey"], *model["uniqueIndexes"]]
    for key in keys:
        if key is not None:
            uniques[key["name"] or "_".join(key["fields"])] = key["fields"]
    return Model(model["name"], model["dbName"] or model["name"], fields, uniques)


def _field(field: Mapping[str, Any]) -> Field:
    default = field.get("default")
    generator = default["name"] if isinstance(default, Mapping) else None
    if field.get("isUpdatedAt"):
        generator = "now"
    return Field(
        name=field["name"],
        column=field.get("dbName") or field["name"],
        type=field["type"],
        is_relation=field["kind"] == "object",
        is_enum=field["kind"] == "enum",
        is_list=field["isList"],
        is_unique=field["isUnique"] or field["isId"],
        generator=generator,
    )
