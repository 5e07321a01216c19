"""`memory-mirror audit`: who has changed what; the seals of the change log, made and verified."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from backend.commands.memories import add_owner, add_service, asked, on_database, say_json
from backend.core.caller import ALL_OWNERS, DEFAULT_OWNER
from backend.engine.cli.command_error import CommandError
from backend.history import AuditFilters
from backend.models.audit import AuditPage
from backend.models.schemas import VideoId
from backend.models.times import time_of_text
from backend.services import Services

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService

_WAIT_SECONDS = 0.2
_PAGE = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    shown = actions.add_parser("list", help="the changes, the newest first")
    shown.add_argument("--from", dest="since", help="then (2026-03-01T09:30:00Z) or later")
    shown.add_argument("--to", dest="until", help="then or before")
    shown.add_argument("--actor", help="by whom")
    shown.add_argument("--action", help="what was done: create, update, delete, restore, ...")
    shown.add_argument("--video-id", help="of this video")
    shown.add_argument("--request-id", help="by this request")
    add_owner(shown, or_all=True)
    add_service(shown)
    shown.add_argument("--limit", type=int, default=100, help="how many at most (100)")
    shown.add_argument("--json", action="store_true", help="answer in JSON")
    shown.set_defaults(act=_list)
    seal = actions.add_parser("seal", help="seal the changes that are not sealed yet")
    seal.set_defaults(act=_seal)
    verify = actions.add_parser("verify", help="whether all is as it was sealed; exit code 1: no")
    verify.add_argument(
        "--hash", help="the last seal's hash, as an earlier run has said it: it must still be there"
    )
    verify.set_defaults(act=_verify)


def run(arguments: argparse.Namespace) -> int:
    code: int = arguments.act(arguments)
    return code


def _list(arguments: argparse.Namespace) -> int:
    if arguments.limit < 1:
        raise CommandError("--limit is 1 or more", code=2)
    filters = AuditFilters(
        since=_checked("--from", arguments.since, lambda text: time_of_text(text, last=False)),
        until=_checked("--to", arguments.until, lambda text: time_of_text(text, last=True)),
        actor=arguments.actor,
        action=arguments.action,
        video_id=_checked("--video-id", arguments.video_id, TypeAdapter(VideoId).validate_python),
        request_id=arguments.request_id,
    )
    changes = asked(
        arguments,
        lambda services: _changes(services, filters, arguments.limit),
        lambda service: _asked_changes(service, arguments),
        owner=arguments.owner,
        without_one=ALL_OWNERS,
    )
    if arguments.json:
        say_json({"changes": changes, "count": len(changes)})
        return 0
    for change in changes:
        of = "" if change["owner"] == DEFAULT_OWNER else f" of {change['owner']}"
        version = "" if change["version"] is None else f" version {change['version']}"
        print(
            f"{change['number']:8}  {change['at']}  {change['actor'] or '-'}  {change['action']}"
            f" {change['kind']} {change['name']}{version}{of}"
        )
    return 0


async def _changes(services: Services, filters: AuditFilters, limit: int) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(changes) < limit:
        page = await services.audit.page(
            filters, limit=min(_PAGE, limit - len(changes)), cursor=cursor
        )
        changes += page["changes"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return changes


def _asked_changes(service: RunningService, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    names = ("actor", "action", "video_id", "request_id")
    given = {"from": arguments.since, "to": arguments.until}
    given |= {name: getattr(arguments, name) for name in names}
    params = {name: value for name, value in given.items() if value is not None}
    changes: list[dict[str, Any]] = []
    while len(changes) < arguments.limit:
        limit = min(_PAGE, arguments.limit - len(changes))
        page = AuditPage.model_validate(service.get("/api/audit", {**params, "limit": limit}))
        changes += page.model_dump(mode="json")["changes"]
        if page.next_cursor is None:
            break
        params["cursor"] = page.next_cursor
    return changes


def _seal(_: argparse.Namespace) -> int:
    print(f"{on_database(_seal_all)} rows sealed")
    return 0


async def _seal_all(services: Services) -> int:
    rows = 0
    while (sealed := await services.audit.seal()) != 0:
        if sealed is None:  # the service is at it
            await asyncio.sleep(_WAIT_SECONDS)
        else:
            rows += sealed
    return rows


def _verify(arguments: argparse.Namespace) -> int:
    found = on_database(lambda services: services.audit.verify(hash_=arguments.hash))
    if found.trouble is not None:
        print(found.trouble)
        return 1
    print(f"{found.rows} rows in {found.seals} seals agree; {found.unsealed} rows not sealed yet")
    if found.last_hash is not None:
        print(f"The last seal's hash: {found.last_hash}")
    if found.holds is False:
        print("No seal has the hash that was given: the seals were made anew.")
        return 1
    return 0


def _checked(option: str, text: str | None, check: Any) -> Any:
    if text is None:
        return None
    try:
        return check(text)
    except ValidationError as error:
        raise CommandError(f"{option}: {error.errors()[0]['msg']}", code=2) from error
    except ValueError as error:
        raise CommandError(f"{option}: {error}", code=2) from error
