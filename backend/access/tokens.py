"""Tokens of other services: JSON Web Tokens (RFC 7519), checked as RFC 8725 advises.

The algorithm is the key's, never the token's to choose: HS256 goes with the secret alone; the other
algorithms with the published key that the token names, whose type says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from backend.access.key_set import KeySet
from backend.access.rules import TokenRules
from backend.core.caller import MOST_OWNERS, SCOPES, Caller, is_owner_name

LONGEST_SUBJECT = 255
_OPTIONS: Any = {"require": ["exp", "sub"], "enforce_minimum_key_length": True}


class Tokens:
    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._key_set = KeySet(rules.jwks) if rules.jwks else None

    async def close(self) -> None:
        """May be called more than once."""
        if self._key_set is not None:
            await self._key_set.close()

    async def verify(self, text: str) -> Caller | None:
        """Whose token it is; None: it is none, or is not to be trusted. Raises KeysUnavailable."""
        try:
            header = jwt.get_unverified_header(text)
            key = await self._key(header)
            return None if key is None else self._caller(self._claims(text, key))
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
            return None

    async def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK | str | None:
        if header.get("alg") == "HS256":
            return self._rules.secret or None
        return None if self._key_set is None else await self._key_set.find(header.get("kid"))

    def _claims(self, text: str, key: jwt.PyJWK | str) -> dict[str, Any]:
        return jwt.decode(
            text,
            key,
            algorithms=["HS256" if isinstance(key, str) else key.algorithm_name],
            options=_OPTIONS,
            audience=self._rules.audience or None,
            issuer=self._rules.issuer or None,
            leeway=self._rules.leeway,
        )

    def _caller(self, claims: Mapping[str, Any]) -> Caller | None:
        subject = claims["sub"]
        owners = _texts(claims.get(self._rules.owner_claim), None)
        if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
            return None
        if not (0 < len(owners) <= MOST_OWNERS and all(map(is_owner_name, owners))):
            return None
        named = _texts(claims.get(self._rules.scope_claim), " ")
        return Caller(
            "token",
            id=subject,
            name=subject,
            owners=tuple(owners),
            scopes=frozenset(scope for scope in SCOPES if scope in named),
            expires=datetime.fromtimestamp(int(claims["exp"]), UTC),
        )


def _texts(claim: Any, separator: str | None) -> list[str]:
    """Of a claim that is a text, or a list of them."""
    if isinstance(claim, str):
        return [claim] if separator is None else claim.split(separator)
    if isinstance(claim, list):
        return [each for each in claim if isinstance(each, str)]
    return []
