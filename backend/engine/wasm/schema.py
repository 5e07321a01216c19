"""Prisma's schema tools: what `prisma validate`, `prisma format` and the DMMF are made of.

Schemas are given as text. They may hold `url`, `directUrl` and `shadowDatabaseUrl` in the
datasource, as Prisma 5 and 6 want them and 7 refuses them: those lines are blanked first, so
that the lines named in errors stay right.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from . import modules
from .instance import WasmPanicError
from .javascript import ThrownError, to_python
from .renewing import RenewingInstance

_WASM = Path("@prisma/prisma-schema-wasm/src/prisma_schema_build_bg.wasm")


#: Exports that return a text, not a Result.
_INFALLIBLE = ("get_config", "format")


class SchemaError(Exception):
    """The schema is not valid: Prisma's report, with file, line and an excerpt (P1012)."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SchemaTools:
    """`packages` is the node_modules folder. May be used from any thread; one at a
    time is served."""

    def __init__(
        self, packages: Path, *, file_name: str = "schema.prisma", log: modules.Log | None = None
    ) -> None:
        self._file_name = file_name
        loaded = modules.load(packages / _WASM, log=log)
        self._instance = RenewingInstance(loaded, lambda instance: None)

    def get_config(self, schema: str) -> dict[str, Any]:
        """`{"generators": [...], "datasources": [...], "warnings": [...]}`. Raises SchemaError."""
        request = {
            "prismaSchema": self._files(schema),
            "datasourceOverrides": {},
            "ignoreEnvVarErrors": True,
            "env": {},
        }
        answer = json.loads(self._ask("get_config", json.dumps(request)))
        if answer["errors"]:
            raise SchemaError("\n".join(error["message"] for error in answer["errors"]), "P1012")
        config: dict[str, Any] = answer["config"]
        return config

    def get_dmmf(self, schema: str) -> dict[str, Any]:
        """Prisma's description of models, types and operations. Raises SchemaError."""
        request = {"prismaSchema": self._files(schema), "noColor": True}
        dmmf: dict[str, Any] = json.loads(self._ask("get_dmmf", json.dumps(request)))
        return dmmf

    def validate(self, schema: str) -> None:
        """Raises SchemaError where the schema is not valid."""
        self._ask("validate", json.dumps({"prismaSchema": self._files(schema), "noColor": True}))

    def format(self, schema: str) -> str:
        """The schema as `prisma format` writes it; the connection URLs stay where they are."""
        uri = f"file:///{self._file_name}"
        options = {
            "textDocument": {"uri": uri},
            "options": {"tabSize": 2, "insertSpaces": True},
        }
        answer = json.loads(self._ask("format", json.dumps([[uri, schema]]), json.dumps(options)))
        formatted: str = answer[0][1]
        return formatted

    def close(self) -> None:
        self._instance.close()

    def _files(self, schema: str) -> list[list[str]]:
        return [[self._file_name, without_connection(schema)]]

    def _ask(self, function: str, *texts: str) -> str:
        with self._instance.entered() as (instance, _):
            arguments = [part for text in texts for part in instance.put_text(text)]
            try:
                if function in _INFALLIBLE:
                    return instance.take_text(*instance.call(function, *arguments))
                values = instance.call_fallible(function, *arguments)
                return instance.take_text(*values) if values else ""
            except ThrownError as thrown:
                raise _schema_error(to_python(thrown.value)) from None
            except WasmPanicError as panic:
                raise SchemaError(f"Prisma's schema tools panicked: {panic}") from panic


def _schema_error(value: Any) -> SchemaError:
    text = value["message"] if isinstance(value, dict) else str(value)
    try:
        report = json.loads(text)
    except ValueError:
        return SchemaError(text)
    return SchemaError(report["message"], report.get("error_code"))


_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|[{}]', re.DOTALL)
_DATASOURCE = re.compile(r"\s*datasource\s+(?P<name>\w+)\s*$")
_CONNECTION = re.compile(r"^[ \t]*(?:url|directUrl|shadowDatabaseUrl)[ \t]*=[^\n]*", re.MULTILINE)
_PROVIDER = re.compile(r'^([ \t]*provider[ \t]*=[ \t]*)"(?P<name>[^"\n]*)"', re.MULTILINE)
_URL = re.compile(
    r'^[ \t]*(?P<name>\w+)[ \t]*=[ \t]*(?:env\("(?P<env>[^"]+)"\)|"(?P<value>[^"]*)")', re.M
)


def without_connection(schema: str) -> str:
    """The schema as Prisma 7 accepts it; every line keeps its number."""
    found = _datasource(schema)
    if found is None:
        return schema
    start, end = found
    return schema[:start] + _CONNECTION.sub("", schema[start:end]) + schema[end:]


def with_provider(schema: str, provider: str) -> str:
    """The schema with its datasource's provider replaced."""
    found = _datasource(schema)
    if found is None:
        return schema
    start, end = found
    block = _PROVIDER.sub(lambda match: f'{match[1]}"{provider}"', schema[start:end])
    return schema[:start] + block + schema[end:]


def provider_in(schema: str) -> str | None:
    """The provider that the datasource names."""
    found = _datasource(schema)
    match = _PROVIDER.search(schema[found[0] : found[1]]) if found else None
    return match["name"] if match else None


def connection_url(schema: str, name: str = "url") -> dict[str, str | None]:
    """The datasource's `url` (or `directUrl`, `shadowDatabaseUrl`) as Prisma 6 describes it:
    `{"fromEnvVar": ..., "value": ...}`."""
    found = _datasource(schema)
    for match in _URL.finditer(schema, *found) if found else ():
        if match["name"] == name:
            return {"fromEnvVar": match["env"], "value": match["value"]}
    return {"fromEnvVar": "DATABASE_URL" if name == "url" else None, "value": None}


def _datasource(schema: str) -> tuple[int, int] | None:
    """Where the inside of the datasource block is, strings and comments understood."""
    depth = 0
    start: int | None = None
    line_start = 0
    for token in _TOKEN.finditer(schema):
        if token[0] == "{":
            line_start = schema.rfind("\n", 0, token.start()) + 1
            if depth == 0 and _DATASOURCE.match(schema[line_start : token.start()]):
                start = token.end()
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0 and start is not None:
                return start, token.start()
    return None
