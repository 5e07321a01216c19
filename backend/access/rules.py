"""Whether a key is needed: what the settings say of it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from backend.core.addresses import is_local

Auth = Literal["auto", "off", "required"]

FIRST_KEY = "memory-mirror keys create --name admin --owner '*' --scopes admin"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """`jwks`: where the keys are published, a URL or a path; empty: nowhere. `secret`: of HS256;
    empty: no such tokens. `issuer` and `audience` empty: any, and none."""

    jwks: str = ""
    secret: str = field(default="", repr=False)
    issuer: str = ""
    audience: str = ""
    owner_claim: str = "sub"
    scope_claim: str = "scope"
    leeway: int = 30


@dataclass(frozen=True, slots=True)
class AccessRules:
    """`host`: the address that the service is said to listen on. `pepper`: a part of each key's
    hash that is not in the database. `tokens` None: none are taken."""

    auth: Auth = "auto"
    host: str = "127.0.0.1"
    off_i_know: bool = False
    pepper: str = field(default="", repr=False)
    tokens: TokenRules | None = None

    @property
    def may_be_open(self) -> bool:
        """Whether there are requests that need no key."""
        if self.auth == "off":
            return is_local(self.host) or self.off_i_know
        return self.auth == "auto" and self.tokens is None and is_local(self.host)

    def is_open_at(self, server: str | None) -> bool:
        """Whether a request that came to this address of the machine may need no key: where the
        service listens on more than it was told, what came to it from elsewhere needs one."""
        if self.auth == "off" and self.off_i_know:
            return True
        return self.may_be_open and server is not None and is_local(server)
