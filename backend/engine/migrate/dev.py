"""`migrate dev`: write the migration from the history to the schema, and apply it.

Where the project keeps one history per provider, the migration is written for each of them: for
the provider of the database at hand as Prisma does, for the others on a database that is made
for this once. So no history can fall behind the schema, or behind another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import EngineError
from .databases.database import Database
from .deploy import apply
from .engine import SchemaEngine
from .extensions import without_known_extensions
from .folder import Migration, MigrationFolder
from .project import Project
from .rebuilt_tables import with_what_is_lost
from .scratch import scratch_project

EMPTY = "-- This is an empty migration."
"""What the engine writes for a draft without changes."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What only the person at the terminal can answer."""

    name: Callable[[], str]
    """Asked for when there is a migration to name."""
    accepts: Callable[[Sequence[str]], bool]
    """Whether to go on in spite of these warnings about data."""
    unexecutable: Callable[[Sequence[str]], None]
    """Steps that the present rows make impossible. Raises, or returns to write the draft."""
    applied: Callable[[Sequence[str]], None]
    """Told of the migrations on disk that were applied first."""


@dataclass(frozen=True, slots=True)
class Developed:
    applied: tuple[str, ...]
    """Migrations that were on disk and not in the database."""
    created: tuple[MigrationFolder, ...]
    """The histories that got the new migration; none where the schema had not changed."""
    name: str
    """The new migration's."""


class ResetNeededError(Exception):
    """The database is not what its history says; only a reset would make it so."""


class DevCancelledError(Exception):
    """The person said no."""


async def dev(project: Project, questions: Questions, *, create_only: bool = False) -> Developed:
    """`create_only` writes a migration, even an empty one, and does not apply it.

    Raises ResetNeededError, DevCancelledError and EngineError (P3006 when a migration does not
    apply to an empty database, P3018 when one does not apply to this one, ...)."""
    history = _History(project, project.folder, project.folder.migrations())
    async with project.database(create=True) as database:
        async with project.engine(
            database, schema=project.schema(), migrations=history.migrations
        ) as engine:
            await history.diagnose(engine)
            applied = (
                await apply(database, history.migrations, project.config, log=project.log)
            ).applied
            questions.applied(applied)
            if applied:
                await history.diagnose(engine)
            await history.weigh(engine, questions)
            scripts = await history.script(engine, draft=create_only)
        scripts += await _scripts_of_others(project, draft=create_only)
        if not scripts:
            return Developed(applied, (), "")
        name = _stamped(slug(questions.name()), [item.history for item in scripts])
        for item in scripts:
            item.history.folder.write(name, item.text)
        if not create_only:
            await apply(database, history.folder.migrations(), project.config, log=project.log)
    return Developed(applied, tuple(item.history.folder for item in scripts), name)


@dataclass(frozen=True, slots=True)
class _Script:
    history: _History
    text: str


@dataclass(frozen=True, slots=True)
class _History:
    """One provider's history, and what the engine says of it."""

    project: Project
    folder: MigrationFolder
    migrations: Sequence[Migration]

    async def diagnose(self, engine: SchemaEngine) -> None:
        """Also what the engine's other methods need: it keeps the schema that the history leads
        to, for a database to which all of it is applied."""
        action = await engine.dev_diagnostic(self.folder, self.migrations)
        if action["tag"] == "reset":
            raise ResetNeededError(action["reason"])

    async def weigh(self, engine: SchemaEngine, questions: Questions) -> None:
        """What the change would do to the rows that are there."""
        loss = await engine.evaluate_data_loss(self.folder, self.migrations, self.project.schema())
        if loss["unexecutableSteps"]:
            questions.unexecutable(
                [
                    f"Step {step['stepIndex']} {step['message']}"
                    for step in loss["unexecutableSteps"]
                ]
            )
        warnings = [warning["message"] for warning in loss["warnings"]]
        if warnings and not questions.accepts(warnings):
            raise DevCancelledError

    async def script(self, engine: SchemaEngine, *, draft: bool) -> list[_Script]:
        """One script, or none where there is no change."""
        text = await engine.create_migration(
            self.folder, self.migrations, self.project.schema(), draft=draft
        )
        if text is not None and self.folder.provider == "sqlite":
            text = await with_what_is_lost(text, self.migrations)
        elif text is not None:
            text = without_known_extensions(text, self.migrations)
            text = EMPTY if text is None and draft else text
        return [] if text is None else [_Script(self, text)]


async def _scripts_of_others(project: Project, *, draft: bool) -> list[_Script]:
    scripts: list[_Script] = []
    for provider in project.config.providers:
        if provider != project.provider:
            async with (
                scratch_project(project, provider) as other,
                other.database(create=True) as database,
            ):
                scripts += await _script_on_scratch(other, database, draft=draft)
    return scripts


async def _script_on_scratch(other: Project, database: Database, *, draft: bool) -> list[_Script]:
    history = _History(other, other.folder, other.folder.migrations())
    try:
        await apply(database, history.migrations, other.config, log=other.log)
    except EngineError as error:
        raise EngineError(
            error.code, f"In {history.folder.path}:\n{error.message}", error.meta
        ) from error
    async with other.engine(
        database, schema=other.schema(), migrations=history.migrations
    ) as engine:
        await history.diagnose(engine)
        return await history.script(engine, draft=draft)


def _stamped(name: str, histories: Sequence[_History]) -> str:
    """Prisma's name for the folder. Later than every migration there is, also where the clock
    is not: migrations apply in the order of their names."""
    now = datetime.now(UTC).replace(tzinfo=None)
    for history in histories:
        for migration in history.migrations:
            stamp = re.match(r"\d{14}", migration.name)
            if stamp:
                try:
                    last = datetime.strptime(stamp[0], "%Y%m%d%H%M%S")
                except ValueError:
                    continue
                now = max(now, last + timedelta(seconds=1))
    return f"{now:%Y%m%d%H%M%S}_{name}"


_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "&": " and "}
)


def slug(name: str) -> str:
    """As Prisma's CLI does it (@sindresorhus/slugify): `Add User's e-mail` -> add_users_e_mail."""
    words = re.sub(r"([a-z\d])([A-Z])", r"\1 \2", name.translate(_SPELLED))
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"([a-z\d]+)'([ts])(\s|$)", r"\1\2\3", plain)
    return re.sub(r"[^a-z\d]+", "_", plain).strip("_")[:200]
