"""Run a case on both sides, from equal states, and say where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend.engine import in_process
from oracle.calls import Call, Case, Provider, start
from oracle.databases import Database, Tables
from oracle.datamodel import Datamodel, Model
from oracle.equality import Side, literals
from oracle.outcomes import Failure, Plain, UnexpectedShape, decode, our_failure, their_failure
from oracle.prisma import OracleError, Prisma
from tests.engine.generated import generated_package

READS = {
    "find_unique",
    "find_unique_or_raise",
    "find_first",
    "find_first_or_raise",
    "find_many",
    "count",
    "group_by",
}


@dataclass(frozen=True)
class Difference:
    provider: Provider
    case: Case
    where: str
    """"call 0", ..., or "table users"."""
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        sides = f"      ours:   {self.ours!r}\n      theirs: {self.theirs!r}"
        return f"{self.provider} {self.case}\n    {self.where}\n{sides}"


class Undo(Exception):
    """Leaves a transaction."""


class Comparison:
    """One schema on one provider: two equal databases, one for each of the two clients."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        prisma: Prisma,
        databases: tuple[Database, Database],
    ) -> None:
        self.name = name
        self.provider = provider
        self._prisma = prisma
        self._our_database, self._their_database = databases
        self._key = f"{provider}:{name}"
        self.seeded: Tables = {}

    async def open(self, schema: str, ddl: str, seeds: Sequence[Call]) -> None:
        self._package = generated_package(schema)
        for database in (self._our_database, self._their_database):
            await database.create(ddl)
        dmmf = await self._prisma.open(self._key, schema, self.provider, self._their_database.url)
        self.datamodel = Datamodel(dmmf)
        self._plain = Plain(self.datamodel)
        for call, outcome in zip(seeds, await self._prisma.run(self._key, seeds), strict=True):
            if "error" in outcome:
                raise OracleError(f"seed {call}: {outcome['error']['message']}")
        await self._their_database.keep()
        await self._our_database.copy_from(self._their_database)
        self.seeded = await self._their_database.read()
        await self._restore(list(self.seeded))
        self._known = {
            text for _, rows in self.seeded.values() for row in rows for text in literals(list(row))
        }
        self.records = {
            name: await self._records(model) for name, model in self.datamodel.models.items()
        }
        client = in_process(self._package.Prisma)
        self._client = client(datasource={"url": self._our_database.url})
        await self._client.connect()

    async def _records(self, model: Model) -> list[dict[str, Any]]:
        call = Call(model.name, "find_many", {})
        [outcome] = await self._prisma.run(self._key, [call])
        return decode(outcome["value"])  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._client.disconnect()
        await self._prisma.disconnect(self._key)
        await self._our_database.close()
        await self._their_database.close()

    async def run(self, case: Case) -> list[Difference]:
        known = self._known.union(*(literals(call.args) for call in case.calls))
        started = datetime.now(UTC)
        their_outcomes = await self._run_theirs(case)
        our_outcomes = await self._run_ours(case)
        if all(call.method in READS for call in case.calls):
            ours = Side(self.datamodel, known, started, our_outcomes, None)
            theirs = Side(self.datamodel, known, started, their_outcomes, None)
            return self._differences(case, ours, theirs)
        our_tables = await self._our_database.read()
        their_tables = await self._their_database.read()
        ours = Side(self.datamodel, known, started, our_outcomes, our_tables)
        theirs = Side(self.datamodel, known, started, their_outcomes, their_tables)
        changed = [
            table
            for table, seeded in self.seeded.items()
            if our_tables[table] != seeded or their_tables[table] != seeded
        ]
        await self._restore(changed)
        return self._differences(case, ours, theirs)

    async def _restore(self, tables: Sequence[str]) -> None:
        await self._our_database.restore(tables)
        await self._their_database.restore(tables)

    def _differences(self, case: Case, ours: Side, theirs: Side) -> list[Difference]:
        found = []
        if len(ours.outcomes) != len(theirs.outcomes):
            found.append(
                Difference(self.provider, case, "outcomes", ours.outcomes, theirs.outcomes)
            )
        for n, (one, other) in enumerate(zip(ours.outcomes, theirs.outcomes, strict=False)):
            if not _agree(one, other):
                found.append(Difference(self.provider, case, f"call {n}", one, other))
        for table, rows in ours.tables.items():
            if rows != theirs.tables[table]:
                only_ours = [row for row in rows if row not in theirs.tables[table]]
                only_theirs = [row for row in theirs.tables[table] if row not in rows]
                found.append(
                    Difference(self.provider, case, f"table {table}", only_ours, only_theirs)
                )
        return found

    # --- their side ---------------------------------------------------------------------------

    async def _run_theirs(self, case: Case) -> list[Any]:
        outcomes = await self._prisma.run(self._key, case.calls, case.mode)
        if case.mode == "batch":
            return [their_failure(o["error"]) if "error" in o else None for o in outcomes]
        return [
            self._their_outcome(call, outcome)
            for call, outcome in zip(case.calls, outcomes, strict=False)
        ] + [their_failure(outcome["error"]) for outcome in outcomes[len(case.calls) :]]

    def _their_outcome(self, call: Call, outcome: dict[str, Any]) -> Any:
        if "error" not in outcome:
            return self._plain.theirs(call, outcome["value"])
        failure = their_failure(outcome["error"])
        if failure.code == "P2025" and call.method in ("update", "delete"):
            return None  # as Prisma Client Python has it
        return failure

    # --- our side -----------------------------------------------------------------------------

    async def _run_ours(self, case: Case) -> list[Any]:
        if case.mode == "each":
            return await self._each(self._client, case.calls)
        if case.mode == "batch":
            return [await self._batch(case.calls)]
        outcomes: list[Any] = []
        try:
            async with self._client.tx() as transaction:
                outcomes = await self._each(transaction, case.calls)
                if case.mode == "rollback":
                    raise Undo
        except Undo:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this case's outcome
            outcomes.append(our_failure(error))
        return outcomes

    async def _each(self, client: Any, calls: Sequence[Call]) -> list[Any]:
        outcomes = []
        for call in calls:
            try:
                value = await start(client, call, self._package)
                outcomes.append(self._plain.ours(call, value))
            except UnexpectedShape as error:
                outcomes.append(Failure("unexpected shape", str(error)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this call's outcome
                outcomes.append(our_failure(error))
        return outcomes

    async def _batch(self, calls: Sequence[Call]) -> Any:
        try:
            async with self._client.batch_() as batch:
                for call in calls:
                    start(batch, call, self._package)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this case's outcome
            return our_failure(error)
        return None


def _agree(ours: Any, theirs: Any) -> bool:
    """Failures agree in their code; what Prisma's client refuses it explains in its own words."""
    if isinstance(ours, Failure) and isinstance(theirs, Failure):
        return ours.code == theirs.code and (
            ours.code in ("validation", "P2010") or ours.message == theirs.message
        )
    return bool(ours == theirs) and isinstance(ours, Failure) == isinstance(theirs, Failure)
