"""AccessService: who asks, and the keys that say so."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from time import monotonic
from typing import TYPE_CHECKING

from prisma.errors import PrismaError

from backend.access.errors import BeyondCaller, KeyNotFound, TooManyKeys
from backend.access.keys import KEY_ID_PATTERN, Key, SecretHash
from backend.access.recent import AtOnce, Found, Recent
from backend.access.rules import FIRST_KEY, AccessRules
from backend.access.store import NEVER, KeyTable, StoredKey
from backend.core import cursors
from backend.core.addresses import is_local
from backend.core.caller import ANYONE, Caller, Scope, actor
from backend.core.database import Database, translated_errors
from backend.core.errors import KeyRequired, StartupError
from backend.core.later import Later
from backend.engine import now
from backend.models.schemas import in_milliseconds

if TYPE_CHECKING:
    from backend.access.tokens import Tokens

logger = logging.getLogger(__name__)

FRESH_SECONDS = 0.8
"""What was read of the keys is taken for so long: a revocation takes hold within a second."""
TOKEN_SECONDS = 10.0
MOST_KEYS = 10_000
LONGEST_CREDENTIAL = 8_192
_WRITE_SECONDS = 1.0
_MOST_ADDRESSES = 64
_PURPOSE = "keys"


class AccessService:
    def __init__(self, database: Database, rules: AccessRules) -> None:
        self._rules = rules
        self._is_open_at = lru_cache(maxsize=_MOST_ADDRESSES)(rules.is_open_at)
        self._pepper = rules.pepper
        self._tokens: Tokens | None = None
        if rules.tokens is not None:
            from backend.access.tokens import Tokens  # brings cryptography, which few need

            self._tokens = Tokens(rules.tokens)
        self._table = KeyTable(database.client, database.provider)
        self._recent = Recent(monotonic)
        self._finding = AtOnce[Found]()
        self._looking = AtOnce[None]()
        self._needs_key = not rules.may_be_open
        """For good: where there was a key, one is needed."""
        self._looked = float("-inf")
        """When there was no key yet."""
        self._used: dict[str, datetime] = {}
        self._writing = Later(self._write_used, seconds=_WRITE_SECONDS)
        database.before_disconnect(self.stop)

    # Who asks

    def recall(self, credential: bytes | None, server: str | None) -> Caller | None:
        """Who sent this to this address of the machine; None: `find` must be asked. Raises
        KeyRequired."""
        if not self._needs_key and self._is_open_at(server):
            if self._rules.auth == "off" or monotonic() < self._looked + FRESH_SECONDS:
                return ANYONE
            return None
        if credential is None or len(credential) > LONGEST_CREDENTIAL:
            raise KeyRequired
        found = self._recent.get(credential)
        if found is None:
            return None
        if found.caller is None:
            raise KeyRequired
        return found.caller

    @translated_errors
    async def find(self, credential: bytes | None, server: str | None) -> Caller:
        """As `recall`, with a look into the database or at the token. Raises KeyRequired,
        KeysUnavailable, DatabaseUnavailable."""
        if not self._needs_key and self._is_open_at(server):
            await self._looking.ask(b"", self._look_for_a_key)
            if not self._needs_key:
                return ANYONE
        if credential is None or len(credential) > LONGEST_CREDENTIAL:
            raise KeyRequired
        found = self._recent.get(credential)
        if found is None:
            found = await self._finding.ask(credential, partial(self._look_at, credential))
        if found.caller is None:
            raise KeyRequired
        return found.caller

    async def _look_for_a_key(self) -> None:
        moment = monotonic()
        if await self._table.is_empty():
            self._looked = moment
        else:
            self._needs_key = True
            logger.info("There is a key, so from now on one is needed")

    async def _look_at(self, credential: bytes) -> Found:
        text = credential.decode("latin-1")
        key = Key.parse(text)
        found = await (self._by_token(text) if key is None else self._by_key(key))
        self._recent.put(credential, found)
        return found

    async def _by_key(self, key: Key) -> Found:
        moment, at = monotonic(), now()
        stored = await self._table.find(key.id)
        until = None if stored is None else stored.opens_until(key, self._pepper, at)
        if stored is None or until is None:
            return Found(None, moment + FRESH_SECONDS)
        self._note_used(stored, at)
        expires = None if until == NEVER else until
        caller = Caller(
            "key", stored.id, stored.name, stored.owners, frozenset(stored.scopes), expires
        )
        return Found(caller, moment + min(FRESH_SECONDS, (until - at).total_seconds()))

    async def _by_token(self, text: str) -> Found:
        moment, at = monotonic(), now()
        caller = None if self._tokens is None else await self._tokens.verify(text)
        if caller is None or caller.expires is None:
            return Found(None, moment + FRESH_SECONDS)
        return Found(caller, moment + min(TOKEN_SECONDS, (caller.expires - at).total_seconds()))

    # When keys were used

    def _note_used(self, key: StoredKey, at: datetime) -> None:
        minute = at.replace(second=0, microsecond=0)
        if key.last_used_at is not None and key.last_used_at >= minute:
            return
        self._used[key.id] = minute
        self._writing.ask()

    async def _write_used(self) -> None:
        """Beside the requests: none waits for it, and none fails with it."""
        try:
            while self._used:
                used, self._used = self._used, {}
                await self._table.note_used(used)
        except PrismaError as error:
            logger.warning("When keys were used is not written: %s", error)

    async def stop(self) -> None:
        """May be called more than once."""
        await self._writing.stop()
        if self._tokens is not None:
            await self._tokens.close()

    # Whether the service may start

    @translated_errors
    async def check(self) -> str:
        """What to say of it at the start. Raises StartupError where nobody could get in, or
        everybody."""
        rules = self._rules
        if rules.auth == "off":
            if not rules.may_be_open:
                raise StartupError(
                    f"AUTH=off opens the service to everybody who reaches {rules.host}. "
                    "If that is wanted, set AUTH_OFF_I_KNOW=true."
                )
            return "AUTH=off: no key is needed, whoever asks may read and write everything"
        if rules.tokens or not await self._table.is_empty():
            return "A key is needed" + (" or a token" if rules.tokens else "")
        if not is_local(rules.host):
            raise StartupError(
                f"There is no key yet, and the service would listen on {rules.host}. "
                f"Run: {FIRST_KEY}"
            )
        if rules.may_be_open:
            return "Open to this machine: no key is needed until there is one"
        return f"A key is needed, and there is none yet. Run: {FIRST_KEY}"

    # The keys themselves

    @translated_errors
    async def create(
        self,
        maker: Caller,
        *,
        name: str,
        owners: Sequence[str],
        scopes: Sequence[Scope],
        expires_at: datetime | None,
    ) -> tuple[StoredKey, str]:
        """The key, and its text, which is nowhere else. Without `expires_at` it lives as long as
        its maker. Raises BeyondCaller, TooManyKeys."""
        expires_at = expires_at or maker.expires
        _check_holds(maker, owners, scopes)
        if maker.expires is not None and expires_at is not None and expires_at > maker.expires:
            raise BeyondCaller(f"it ends at {in_milliseconds(maker.expires)}")
        if await self._table.count() >= MOST_KEYS:
            await self._table.prune()
            if await self._table.count() >= MOST_KEYS:
                raise TooManyKeys(MOST_KEYS)
        key = Key.new()
        stored = StoredKey(
            id=key.id,
            name=name,
            owners=tuple(dict.fromkeys(owners)),
            scopes=tuple(dict.fromkeys(scopes)),
            hash=SecretHash.of(key, self._pepper),
            created_by=actor.get(),
            created_at=now(),
            expires_at=expires_at,
        )
        await self._table.insert(stored)
        logger.info("Key %s is made by %s", stored.id, stored.created_by)
        return stored, key.text

    @translated_errors
    async def page(
        self, asker: Caller, *, limit: int, cursor: str | None
    ) -> tuple[list[StoredKey], str | None]:
        """The newest first, of those that the asker could have made, and the next page's cursor. A
        page may hold fewer than `limit`."""
        keys = await self._table.page(limit + 1, _position(cursor))
        more = len(keys) > limit
        keys = keys[:limit]
        after = None
        if more:
            after = cursors.encode(_PURPOSE, [keys[-1].created_at.isoformat(), keys[-1].id])
        return [key for key in keys if _is_within(asker, key)], after

    @translated_errors
    async def revoke(self, asker: Caller, id_: str) -> None:
        """Raises KeyNotFound, also for one that the asker could not have made."""
        if await self._table.revoke(await self._own(asker, id_)):
            logger.info("Key %s is revoked by %s", id_, actor.get())

    @translated_errors
    async def rotate(self, asker: Caller, id_: str, grace: timedelta) -> tuple[StoredKey, str]:
        """The key with its new text. The one of before opens for as long as `grace` yet. Raises
        KeyNotFound."""
        stored = await self._own(asker, id_)
        key = Key.new(id_)
        if not await self._table.rotate(
            stored, SecretHash.of(key, self._pepper), former_until=now() + grace
        ):
            raise KeyNotFound(id_)
        logger.info("Key %s has a new secret by %s", id_, actor.get())
        return await self._own(asker, id_), key.text

    async def _own(self, asker: Caller, id_: str) -> StoredKey:
        stored = await self._table.find(id_)
        if stored is None or not _is_within(asker, stored):
            raise KeyNotFound(id_)
        return stored


def _check_holds(maker: Caller, owners: Sequence[str], scopes: Sequence[Scope]) -> None:
    for scope in scopes:
        if not maker.may(scope):
            raise BeyondCaller(f"the scope {scope}")
    for owner in owners:
        if not maker.holds(owner):
            raise BeyondCaller("an owner for whom he does not act")


def _is_within(caller: Caller, key: StoredKey) -> bool:
    """Whether the caller could have made it, but for its end."""
    return all(map(caller.may, key.scopes)) and all(map(caller.holds, key.owners))


def _position(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        at, id_ = cursors.decode(cursor, _PURPOSE)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not re.fullmatch(KEY_ID_PATTERN, id_):
            raise ValueError
    except (ValueError, TypeError) as error:
        raise cursors.refused("This cursor names no key") from error
    return moment, id_
