"""A generated package of Prisma Client Python: its classes of fields and errors."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ..errors import EngineError
from ..protocol.request import ModelFields
from ..protocol.values import Fields
from ..transactions import TransactionError


class GeneratedPackage:
    """The installed `prisma`, or a copy under a name of its own, of which `client` is the class
    `Prisma`. Each such package has classes of its own."""

    def __init__(self, client: type) -> None:
        self._name = client.__module__.rpartition(".")[0]
        self.client = self._module("client")
        self.folder = Path(self.client.__file__ or "").parent
        fields = self._module("fields")
        self.fields = Fields(fields.Json, fields.Base64)
        self._engine_utils = self._module("engine.utils")
        self._engine_errors = self._module("engine.errors")

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self._name}.{name}")

    def models(self, client: Any) -> ModelFields:
        """What the QueryBuilder of a client of this package says of its models."""
        builder = client._make_query_builder(
            method="find_many", model=None, arguments={}, root_selection=None
        )
        return ModelFields(builder.get_default_fields, builder.get_relational_model)

    def throw(self, error: EngineError) -> NoReturn:
        """Raise the class that Prisma Client Python raises for this error."""
        outer = error.reason if isinstance(error, TransactionError) else error.message
        data = {
            "error": outer,
            "user_facing_error": {
                "is_panic": False,
                "message": error.message,
                "meta": error.meta,
                # Where there is no code, a made up one would say more than is known.
                "error_code": error.code or "",
            },
        }
        try:
            self._engine_utils.handle_response_errors(None, [data])
        except Exception as raised:
            raise raised from error
        raise AssertionError("handle_response_errors always raises")

    def throw_connection_error(self, error: EngineError) -> NoReturn:
        """Raise EngineConnectionError, with the P-code as its `code`."""
        raised = self._engine_errors.EngineConnectionError(f"{error.code}: {error.message}")
        raised.code = error.code
        raise raised from error

    def throw_already_connected(self) -> NoReturn:
        raise self._engine_errors.AlreadyConnectedError("Already connected to the query engine")
