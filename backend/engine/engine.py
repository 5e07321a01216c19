"""One connected engine: from a call on the client to its result.

call -> request (protocol.py) -> plan (plans.py) -> program -> driver -> result
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from .datasource import make_driver, provider_of, schema_name_of
from .drivers.driver import (
    Driver,
    IsolationLevel,
    Program,
    Rows,
    Start,
    Statement,
    no_settings,
)
from .errors import DriverError, EngineError, user_facing
from .inserts import Row, Table, insertion
from .metrics import Metrics
from .plan import JsonForm, Plan, Single, lower_plan
from .plan.cache import PlanCache
from .plan.data_map import DataMap, map_of_columns
from .plan.generators import now
from .plan.store import PlanStore
from .plan.values import NOW, Scope
from .protocol.literals import json_text
from .protocol.parameters import ParameterGraph
from .protocol.request import ACTIONS, READS, ModelFields, RequestBuilder
from .protocol.values import Fields
from .scope import Scope as CallScope
from .transactions import TransactionManager

if TYPE_CHECKING:
    from .wasm.compiler import QueryCompiler

log = logging.getLogger(__name__)

T = TypeVar("T")

RAW_METHODS = ("query_raw", "query_first", "execute_raw")

_KEPT_RAW_STATEMENTS = 256


class Engine:
    """`artifact` is the engine.json of the generated client (see `generate.py`), `models` and
    `fields` are what protocol.py needs of the generated package."""

    def __init__(
        self,
        artifact: Mapping[str, Any],
        *,
        models: ModelFields,
        fields: Fields,
        scope: CallScope | None = None,
        log_queries: bool = False,
    ) -> None:
        self._artifact = artifact
        self._models = models
        self._fields = fields
        self._confines = scope
        self._log_queries = log_queries
        self._driver: Driver | None = None
        self._metrics = Metrics()
        self._raw_statements: OrderedDict[tuple[Any, ...], Statement] = OrderedDict()
        self._maps: dict[JsonForm, DataMap] = {}
        """Of raw SQL. A program has few forms."""

    async def connect(self, url: str) -> None:
        """Open the database that a URL names. Raises EngineError."""
        if self._driver is not None:
            await self.close()
        provider = provider_of(url)
        made_for = self._artifact["providers"].get(provider)
        if made_for is None:
            raise EngineError(
                "P1012",
                f"The schema {self._artifact['source']} is not valid for {provider}, which the "
                "database URL names.",
            )
        driver = make_driver(
            url,
            folder=Path(self._artifact["source"]).parent,
            session_settings=self._confines.settings if self._confines else no_settings,
        )
        try:
            await driver.connect()
        except DriverError as error:
            await driver.close()
            raise user_facing(error) from error
        except BaseException:
            await driver.close()
            raise
        packages = Path(self._artifact["packages"])
        schema_name = schema_name_of(url)

        def open_compiler() -> QueryCompiler:
            from .wasm.compiler import QueryCompiler  # loads wasmtime, only where it is needed

            return QueryCompiler(
                packages,
                provider=provider,
                datamodel=made_for["datamodel"],
                schema_name=schema_name,
            )

        graph = ParameterGraph(made_for["parameters"])
        self._requests = RequestBuilder(graph, self._models, self._fields)
        made_from = (self._artifact["prisma"], provider, schema_name or "", made_for["datamodel"])
        self._plans = PlanCache(open_compiler, self._lower, PlanStore(made_from))
        self._transactions = TransactionManager(driver)
        self._driver = driver

    async def close(self) -> None:
        """Roll back what is open and let go of everything. May be called more than once."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        try:
            await self._transactions.close()
        finally:
            await driver.close()
            self._plans.close()

    @property
    def provider(self) -> str:
        return self._connected().provider

    @property
    def plans(self) -> PlanCache:
        return self._plans

    def _connected(self) -> Driver:
        if self._driver is None:
            raise EngineError("P1017", "The engine is not connected.")
        return self._driver

    def _lower(self, tree: dict[str, Any], action: str, form: JsonForm | None) -> Plan:
        driver = self._connected()
        return lower_plan(
            tree,
            provider=driver.provider,
            decoders=driver.decoder if form is None else driver.json_decoder,
            max_bind_values=driver.max_bind_values,
            reads_only=action in READS,
            form=form,
        )

    # Queries

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        model: type | None,
        root_selection: list[str] | None,
        transaction: str | None,
        form: JsonForm | None = None,
    ) -> Any:
        """The result of one call of the generated client. Raises EngineError."""
        started = perf_counter()
        metrics = self._metrics
        metrics.queries_active += 1
        try:
            if method in RAW_METHODS:
                start, plan = self._prepare_raw(method, arguments)
                return await self._run(start, plan, transaction, raw=True)
            plan, scope = await self._plan(method, arguments, model, root_selection, form)
            if plan.single is not None and transaction is None:
                return await self._run_single(plan.single, scope, reads_only=plan.reads_only)
            program = plan.program
            return await self._run(lambda: program(scope), plan, transaction, raw=False)
        finally:
            metrics.queries_active -= 1
            metrics.queries.observe(perf_counter() - started)

    async def fetch(
        self, sql: str, parameters: Sequence[Any], transaction: str | None
    ) -> Sequence[Sequence[Any]]:
        """The rows of raw SQL that only reads, as the driver has them: bytes are bytes, not the
        base64 text of Prisma's JSON. Raises EngineError."""
        rendered = self._rendered(sql, parameters)

        def start() -> Program:
            return (yield rendered)

        try:
            if transaction is None:
                rows = await self._connected().execute(*rendered, reads_only=True)
            else:
                rows = await self._transactions.run(transaction, start)
        except DriverError as error:
            raise user_facing(error, raw=not _is_connection_trouble(error)) from error
        assert isinstance(rows, Rows)
        return rows.records

    async def fetch_records(
        self,
        form: JsonForm,
        types: Mapping[str, str],
        sql: str,
        parameters: Sequence[Any],
        transaction: str | None,
    ) -> list[dict[str, Any]]:
        """The same in this form; `types`: of the columns, in their order. Raises EngineError."""
        rows = await self.fetch(sql, parameters, transaction)
        data_map = self._maps.get(form)
        if data_map is None:
            decoders = self._connected().json_decoder
            data_map = self._maps[form] = map_of_columns(types, decoders, form)
        return data_map.from_rows(Rows(tuple(types), rows))

    async def insert(
        self, rows: Sequence[tuple[Table, Sequence[Row]]], transaction: str | None
    ) -> None:
        """All of them, or none. Raises EngineError."""
        provider = self._connected().provider

        def start(_: Any = None) -> Program:
            return insertion(provider, rows)

        plan = Plan(start, reads_only=False, atomic=True)
        await self._run(start, plan, transaction, raw=False)

    async def fetch_written(
        self, sql: str, parameters: Sequence[Sequence[Any]], transaction: str | None
    ) -> Sequence[Sequence[Sequence[Any]]]:
        """The same of raw SQL that writes, for each of these parameters: all take effect, or none.
        Raises EngineError."""
        each = [self._rendered(sql, some) for some in parameters]

        def program(scope: Any = None) -> Program:
            found = []
            for rendered in each:
                found.append((yield rendered).records)
            return found

        plan = Plan(program, reads_only=False, atomic=len(each) > 1)
        found: Sequence[Sequence[Sequence[Any]]] = await self._run(
            program, plan, transaction, raw=True
        )
        return found

    async def batch(self, calls: Sequence[Mapping[str, Any]], transaction: str | None) -> list[Any]:
        """Several calls as one: all take effect, or none. Their results. Raises EngineError."""
        prepared = [
            await self.prepare(
                call["method"],
                call["arguments"],
                call.get("model"),
                call.get("root_selection"),
            )
            for call in calls
        ]

        def start() -> Program:
            results = []
            for start_one, _ in prepared:
                results.append((yield from start_one()))
            return results

        def nothing(scope: Any) -> Program:
            return start()

        plan = Plan(nothing, reads_only=False, atomic=True)
        found: list[Any] = await self._run(start, plan, transaction, raw=False)
        return found

    async def prepare(
        self,
        method: str,
        arguments: Mapping[str, Any],
        model: type | None,
        root_selection: list[str] | None,
    ) -> tuple[Start, Plan]:
        """How to run a call: its program, bound to its values."""
        if method in RAW_METHODS:
            return self._prepare_raw(method, arguments)
        plan, scope = await self._plan(method, arguments, model, root_selection)
        program = plan.program
        return lambda: program(scope), plan

    async def _plan(
        self,
        method: str,
        arguments: Mapping[str, Any],
        model: type | None,
        root_selection: list[str] | None,
        form: JsonForm | None = None,
    ) -> tuple[Plan, Scope]:
        self._connected()
        if model is None:
            raise EngineError(None, f"{method} needs a model")
        if self._confines is not None:
            name: str = model.__prisma_model__  # type: ignore[attr-defined]
            arguments = self._confines.confined(name, method, arguments)
        request = self._requests.build(method, arguments, model, root_selection)
        plan = self._plans.find(request.text, form)
        if plan is None:
            plan = await self._plans.compile(
                request.text, ACTIONS[method], form, has_literals=request.has_literals
            )
        scope = request.values
        if not plan.reads_only:
            scope[NOW] = now()
        return plan, scope

    async def _run_single(self, single: Single, scope: Scope, *, reads_only: bool) -> Any:
        statement = single.statement
        started = perf_counter()
        try:
            result = await self._connected().execute(
                statement, single.arguments(scope), reads_only=reads_only
            )
        except DriverError as error:
            raise user_facing(error) from error
        self._note(statement, perf_counter() - started)
        return single.finish(result, scope)

    def _note(self, statement: Statement, took: float) -> None:
        self._metrics.statements.observe(took)
        if self._log_queries:
            log.info("%s (%.2f ms)", statement.sql, took * 1000)

    async def _run(self, start: Start, plan: Plan, transaction: str | None, *, raw: bool) -> Any:
        driver = self._connected()
        observed = self._observe(start)
        try:
            if transaction is not None:
                return await self._transactions.run(transaction, observed)
            return await driver.run(observed, reads_only=plan.reads_only, atomic=plan.atomic)
        except DriverError as error:
            raise user_facing(error, raw=raw and not _is_connection_trouble(error)) from error

    def _observe(self, start: Start) -> Start:
        """The same program, its statements timed, and logged if that is asked for."""
        return lambda: self._observed(start())

    def _observed(self, program: Program) -> Program:
        try:
            item = next(program)
            while True:
                started = perf_counter()
                try:
                    result = yield item
                except DriverError as error:
                    item = program.throw(error)
                    continue
                self._note(item[0], perf_counter() - started)
                item = program.send(result)
        except StopIteration as end:
            return end.value

    # Raw queries: they need no plan

    def _prepare_raw(self, method: str, arguments: Mapping[str, Any]) -> tuple[Start, Plan]:
        sql: str = arguments["query"]
        parameters = [self._raw_parameter(value) for value in arguments.get("parameters") or ()]
        types = tuple(kind for kind, _ in parameters)
        values = [value for _, value in parameters]
        returns_rows = method != "execute_raw"
        statement = self._raw_statement(sql, types, returns_rows=returns_rows, raw=True)

        def program(scope: Any = None) -> Program:
            result = yield statement, values
            return _raw_result(result) if returns_rows else result

        reads_only = returns_rows and _only_reads(sql)
        return program, Plan(program, reads_only=reads_only, atomic=False)

    def _rendered(self, sql: str, parameters: Sequence[Any]) -> tuple[Statement, Sequence[Any]]:
        values = [self._raw_parameter(value) for value in parameters]
        types = tuple([kind for kind, _ in values])
        statement = self._raw_statement(sql, types, returns_rows=True, raw=False)
        return statement, [value for _, value in values]

    def _raw_statement(
        self, sql: str, types: tuple[str, ...], *, returns_rows: bool, raw: bool
    ) -> Statement:
        key = (sql, types, returns_rows, raw)
        statement = self._raw_statements.get(key)
        if statement is None:
            arg_types = [{"arity": "scalar", "scalarType": t, "dbType": None} for t in types]
            statement = Statement(sql, arg_types, returns_rows, raw=raw)
            self._raw_statements[key] = statement
            if len(self._raw_statements) > _KEPT_RAW_STATEMENTS:
                self._raw_statements.popitem(last=False)
        else:
            self._raw_statements.move_to_end(key)
        return statement

    def _raw_parameter(self, value: Any) -> tuple[str, Any]:
        """The scalar type by which a raw query's parameter is written, and its plain value."""
        if type(value) is str:  # most are
            return "string", value
        if isinstance(value, self._fields.Json):
            return "json", json_text(value.data)
        if isinstance(value, self._fields.Base64):
            return "bytes", str(value)
        for python_type, kind in _RAW_TYPES:
            if isinstance(value, python_type):
                return kind, value
        if isinstance(value, (list, tuple)):
            if all(type(item) is str for item in value):
                return "unknown", list(value)
            items = [self._raw_parameter(item) for item in value]
            return "unknown", [item for _, item in items]
        if isinstance(value, dict):
            return "json", json_text(value)
        if value is None:
            return "unknown", None
        raise TypeError(f"Type {type(value)} not serializable")

    # Transactions and metrics

    async def start_transaction(
        self, *, timeout: float, max_wait: float, isolation_level: IsolationLevel | None
    ) -> str:
        """Seconds; the id of the transaction. Raises EngineError."""
        self._connected()
        return await self._translated(
            self._transactions.start(
                timeout=timeout, max_wait=max_wait, isolation_level=isolation_level
            )
        )

    async def commit_transaction(self, id_: str) -> None:
        self._connected()
        await self._translated(self._transactions.commit(id_))

    async def rollback_transaction(self, id_: str) -> None:
        self._connected()
        await self._translated(self._transactions.rollback(id_))

    async def _translated(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except DriverError as error:
            raise user_facing(error) from error

    def metrics(self, form: str, global_labels: Mapping[str, str] | None) -> Any:
        """`form` is "json" or "prometheus"."""
        pool = self._connected().describe()
        if form == "prometheus":
            return self._metrics.as_prometheus(pool, global_labels or {})
        return self._metrics.as_json(pool, global_labels or {})


_RAW_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "bigint"),
    (float, "float"),
    (Decimal, "decimal"),
    (datetime, "datetime"),
    (str, "string"),
    (bytes, "bytes"),
)


def _raw_result(rows: Rows) -> dict[str, Any]:
    return {
        "columns": list(rows.columns),
        "types": list(rows.types),
        "rows": [list(record) for record in rows.records],
    }


_READING = re.compile(r"[\s(]*(SELECT|VALUES|EXPLAIN|WITH)\b", re.IGNORECASE)
_WRITING = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE|MERGE|INTO)\b", re.IGNORECASE)


def _only_reads(sql: str) -> bool:
    """Whether raw SQL surely writes nothing, by its words. (A word of these in a text or a name
    makes it a write by mistake, which only costs time.)"""
    return bool(_READING.match(sql)) and not _WRITING.search(sql)


def _is_connection_trouble(error: DriverError) -> bool:
    """Told by its own code also for raw queries, so that callers know to try again."""
    return error.kind in (
        "DatabaseNotReachable",
        "DatabaseDoesNotExist",
        "ConnectionClosed",
        "PoolTimeout",
        "SocketTimeout",
    )
