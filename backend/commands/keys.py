"""`memory-mirror keys`: the keys that callers show: made, listed, revoked, renewed."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import to_json

from backend.access import KEY_ID_PATTERN, StoredKey
from backend.commands.memories import add_service, asked, on_database
from backend.core.caller import ADMIN, ALL_OWNERS, DEFAULT_OWNER, SCOPES, Caller
from backend.engine import now
from backend.engine.cli.command_error import CommandError
from backend.models.access import AccessKey, KeyPage, KeyRequest, NewKey
from backend.models.schemas import in_milliseconds
from backend.services import Services

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService

OPERATOR = Caller("key", "command", "command", (ALL_OWNERS,), frozenset({ADMIN}))
"""Who can run commands here reads the database, and so may do all."""

_PATH = "/api/keys"
_PAGE = 1_000
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_LONGEST = timedelta(days=36_500)


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    made = actions.add_parser("create", help="make a key; it is shown once")
    made.add_argument("--name", required=True, help="who uses it, or what for")
    made.add_argument(
        "--owner",
        default=DEFAULT_OWNER,
        help=f"for whom it acts, several separated by commas, * for each ({DEFAULT_OWNER})",
    )
    made.add_argument(
        "--scopes", required=True, help=f"separated by commas, of: {', '.join(SCOPES)}"
    )
    made.add_argument("--expires", metavar="TIME", help="after 90d, 12h or 30m; without it, never")
    made.set_defaults(act=_create)
    listed = actions.add_parser("list", help="all keys, the newest first")
    listed.set_defaults(act=_list)
    revoked = actions.add_parser("revoke", help="within a second the key opens nothing any more")
    revoked.add_argument("id", help="the key's id, the part after mm_")
    revoked.set_defaults(act=_revoke)
    rotated = actions.add_parser("rotate", help="make a new secret for a key; it is shown once")
    rotated.add_argument("id", help="the key's id, the part after mm_")
    rotated.add_argument(
        "--grace", metavar="TIME", default="24h", help="for how long the old one still opens (24h)"
    )
    rotated.set_defaults(act=_rotate)
    for action in (made, listed, revoked, rotated):
        action.add_argument("--json", action="store_true", help="answer in JSON, on one line")
    for action in (made, listed, revoked):
        add_service(action)


def run(arguments: argparse.Namespace) -> int:
    arguments.act(arguments)
    return 0


def _create(arguments: argparse.Namespace) -> None:
    life = None if arguments.expires is None else _duration("--expires", arguments.expires)
    try:
        wanted = KeyRequest.model_validate(
            {
                "name": arguments.name,
                "owners": arguments.owner.split(","),
                "scopes": arguments.scopes.split(","),
                "expires_at": None if life is None else now() + life,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise CommandError(f"{first['loc'][0]}: {first['msg']}", code=2) from error

    async def create(services: Services) -> tuple[AccessKey, str]:
        key, text = await services.access.create(
            OPERATOR,
            name=wanted.name,
            owners=wanted.owners,
            scopes=wanted.scopes,
            expires_at=wanted.expires_at,
        )
        return _without_secret(key), text

    def ask(service: RunningService) -> tuple[AccessKey, str]:
        answer = service.send("POST", _PATH, json=wanted.model_dump(mode="json"))
        made = NewKey.model_validate(answer)
        return AccessKey(**made.model_dump(exclude={"key"})), made.key

    _say_new(arguments, *asked(arguments, create, ask, owner=None))


def _list(arguments: argparse.Namespace) -> None:
    keys = asked(arguments, _all, _ask_all, owner=None)
    if arguments.json:
        print(to_json({"keys": [_shown(key) for key in keys], "count": len(keys)}).decode())
        return
    for key in keys:
        state = "revoked" if key.revoked_at else "expired" if _is_over(key) else "usable"
        used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"
        print(
            f"{key.id}  {state:7}  used {used:16}  {key.name}  for {','.join(key.owners)}"
            f"  {','.join(key.scopes)}"
        )


def _revoke(arguments: argparse.Namespace) -> None:
    id_ = _id(arguments.id)
    asked(
        arguments,
        lambda services: services.access.revoke(OPERATOR, id_),
        lambda service: service.send("DELETE", f"{_PATH}/{id_}"),
        owner=None,
    )
    if arguments.json:
        print(to_json({"id": id_, "revoked": True}).decode())
    else:
        print(f"Key {id_} is revoked.")


def _rotate(arguments: argparse.Namespace) -> None:
    id_ = _id(arguments.id)
    grace = timedelta(0) if arguments.grace == "0" else _duration("--grace", arguments.grace)
    key, text = on_database(lambda services: services.access.rotate(OPERATOR, id_, grace))
    _say_new(arguments, _without_secret(key), text)


async def _all(services: Services) -> list[AccessKey]:
    keys: list[AccessKey] = []
    cursor: str | None = None
    while True:
        page, cursor = await services.access.page(OPERATOR, limit=_PAGE, cursor=cursor)
        keys += map(_without_secret, page)
        if cursor is None:
            return keys


def _ask_all(service: RunningService) -> list[AccessKey]:
    keys: list[AccessKey] = []
    params: dict[str, Any] = {"limit": _PAGE}
    while True:
        page = KeyPage.model_validate(service.get(_PATH, params))
        keys += page.keys
        if page.next_cursor is None:
            return keys
        params["cursor"] = page.next_cursor


def _say_new(arguments: argparse.Namespace, key: AccessKey, text: str) -> None:
    if arguments.json:
        print(to_json({"id": key.id, "key": text, "owner": key.owners[0], **_shown(key)}).decode())
        return
    print(text)
    end = "never ends" if key.expires_at is None else f"ends {in_milliseconds(key.expires_at)}"
    print(f"Keep it now: it is shown this once. It {end}.")


def _without_secret(key: StoredKey) -> AccessKey:
    return AccessKey.model_validate(key, from_attributes=True)


def _shown(key: AccessKey) -> dict[str, Any]:
    return key.model_dump(mode="json")


def _is_over(key: AccessKey) -> bool:
    return key.expires_at is not None and key.expires_at <= now()


def _id(text: str) -> str:
    if re.fullmatch(KEY_ID_PATTERN, text) is None:
        raise CommandError("the id of a key is the part after mm_, 12 letters and digits", code=2)
    return text


def _duration(option: str, text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if duration is None or duration > _LONGEST:
        raise CommandError(f"{option} is a time such as 90d, 12h or 30m", code=2)
    return duration
