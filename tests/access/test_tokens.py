"""Tokens of another service: those that open, and every way known to forge one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from backend.access import key_set
from backend.access.rules import TokenRules
from backend.access.tokens import Tokens
from tests.access.fixtures import service
from tests.fixtures import Database

pytestmark = pytest.mark.anyio

ISSUER = "https://issuer.example/"
AUDIENCE = "memories"
SECRET = "a secret of thirty-two bytes and more"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
KEYS = {
    "rsa": (RSAAlgorithm, RSA, "RS256"),
    "ec": (ECAlgorithm, EC, "ES256"),
    "ed": (OKPAlgorithm, ED, "EdDSA"),
}
PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ME = "/api/whoami"


def published(*names: str) -> str:
    listed = [
        {**KEYS[name][0].to_jwk(KEYS[name][1].public_key(), as_dict=True), "kid": name}  # type: ignore[attr-defined]
        for name in names
    ]
    return json.dumps({"keys": listed})


def claims(**others: Any) -> dict[str, Any]:
    found = {
        "sub": "user-1",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time()) + 600,
        "scope": "openid records:read search",
        **others,
    }
    return {name: value for name, value in found.items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **others: Any) -> str:
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims(**others), key, algorithm, headers)


def forged(header: dict[str, Any], key: bytes | None) -> str:
    """As no library would make it: signed by HMAC with whatever `key` is, or not at all."""
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims()))
    signature = b"" if key is None else hmac.digest(key, signed.encode(), hashlib.sha256)
    return f"{signed}.{_encoded(signature)}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(published(*KEYS))
    return path


@pytest.fixture
async def tokens(file: Path) -> AsyncIterator[Tokens]:
    found = Tokens(TokenRules(str(file), SECRET, ISSUER, AUDIENCE, leeway=5))
    yield found
    await found.close()


@pytest.mark.parametrize("name", KEYS)
async def test_a_token_of_each_algorithm_opens(tokens: Tokens, name: str) -> None:
    _, key, algorithm = KEYS[name]
    caller = await tokens.verify(token(key, algorithm, name))
    assert caller is not None
    assert (caller.kind, caller.id, caller.owners) == ("token", "user-1", ("user-1",))
    assert caller.scopes == {"records:read", "search"}
    assert caller.actor == "token user-1"


async def test_a_token_of_the_secret_opens(tokens: Tokens) -> None:
    assert await tokens.verify(token(SECRET, "HS256", None)) is not None


FORGED: dict[str, Callable[[], str]] = {
    "no signature": lambda: forged({"alg": "none", "kid": "rsa"}, None),
    "none in capitals": lambda: forged({"alg": "NONE"}, None),
    "no algorithm": lambda: forged({"kid": "rsa"}, None),
    "HS256 with the public key": lambda: forged({"alg": "HS256", "kid": "rsa"}, PUBLIC_PEM),
    "HS256 with the published text": lambda: forged(
        {"alg": "HS256", "kid": "rsa"}, published("rsa").encode()
    ),
    "HS256 without a secret": lambda: forged({"alg": "HS256"}, b""),
    "HS384": lambda: jwt.encode(claims(), SECRET * 2, "HS384"),
    "RS512": lambda: token(algorithm="RS512"),
    "another key of this name": lambda: token(
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ),
    "the name of a key of another kind": lambda: token(kid="ec"),
    "unknown key": lambda: token(kid="unknown"),
    "no name where there are several": lambda: token(kid=None),
    "a name that is no text": lambda: forged({"alg": "RS256", "kid": {"a": 1}}, b""),
    "its own key": lambda: jwt.encode(
        claims(), WEAK, "RS256", {"jwk": json.loads(published("rsa"))["keys"][0]}
    ),
    "another audience": lambda: token(aud="others"),
    "no audience": lambda: token(aud=None),
    "another issuer": lambda: token(iss="https://other.example/"),
    "no issuer": lambda: token(iss=None),
    "expired": lambda: token(exp=int(time()) - 6),
    "no end": lambda: token(exp=None),
    "an end that is no time": lambda: token(exp="soon"),
    "an end beyond all time": lambda: token(exp=10**30),
    "not yet": lambda: token(nbf=int(time()) + 60),
    "issued in the future": lambda: token(iat=int(time()) + 60),
    "no subject": lambda: token(sub=None),
    "a subject with a line break": lambda: token(sub="a\nb"),
    "a long subject": lambda: token(sub="x" * 256),
    "a subject for everybody": lambda: token(sub="*"),
    "a subject with a comma": lambda: token(sub="a,b"),
    "changed afterwards": lambda: token()[:-4] + "AAAA",
    "no token": lambda: "a.b.c",
    "nested deeply": lambda: f"{_encoded(b'[' * 6_000)}.e30.e30",
    "nothing": lambda: "",
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", FORGED)
async def test_what_is_forged_or_not_for_here_opens_nothing(tokens: Tokens, name: str) -> None:
    assert await tokens.verify(FORGED[name]()) is None


async def test_clocks_may_differ_a_little(tokens: Tokens) -> None:
    assert await tokens.verify(token(exp=int(time()) - 2)) is not None
    assert await tokens.verify(token(nbf=int(time()) + 3)) is not None


async def test_without_a_secret_no_token_has_one(file: Path) -> None:
    found = Tokens(TokenRules(str(file), "", ISSUER, AUDIENCE))
    for key in (PUBLIC_PEM, b"", SECRET.encode()):
        assert await found.verify(forged({"alg": "HS256", "kid": "rsa"}, key)) is None
    await found.close()


@pytest.mark.parametrize(
    ("given", "owners"),
    [
        ("family", ("family",)),
        (["a", "b"], ("a", "b")),
        ([], None),
        (["a", "*"], None),
        (["a"] * 21, None),
        ([1], None),
        (7, None),
        (None, None),
    ],
)
async def test_the_owners_that_a_claim_names(given: Any, owners: Any) -> None:
    rules = TokenRules(secret=SECRET, owner_claim="memories/owner", scope_claim="roles")
    sent = jwt.encode(
        {**claims(aud=None), "memories/owner": given, "roles": ["stats", "admin", 3]}, SECRET
    )
    caller = await Tokens(rules).verify(sent)
    assert (caller and caller.owners) == owners
    assert caller is None or caller.scopes == {"stats", "admin"}


class Publisher:
    """A server that publishes keys, or fails to."""

    def __init__(self) -> None:
        self.answer = b""
        self.asked = 0
        self.came = asyncio.Event()

    def publish(self, text: str, status: str = "200 OK") -> None:
        self.answer = (
            f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}"
        ).encode()

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self.came.set()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def publisher() -> AsyncIterator[tuple[Publisher, str]]:
    found = Publisher()
    server = await asyncio.start_server(found.respond, "127.0.0.1", 0)
    try:
        yield found, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    finally:
        server.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt may follow another at once."""
    monkeypatch.setattr(key_set, "RETRY_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_new_key_is_fetched_when_a_token_names_it() -> None:
    async with publisher() as (server, url):
        tokens = Tokens(TokenRules(url, issuer=ISSUER, audience=AUDIENCE))
        server.publish(published("rsa"))
        assert await tokens.verify(token()) is not None
        assert await tokens.verify(token()) is not None
        assert server.asked == 1
        server.publish(published("rsa", "ec"))
        assert await tokens.verify(token(EC, "ES256", "ec")) is not None
        assert server.asked == 2
        await tokens.close()
        await tokens.close()


async def test_unknown_names_do_not_ask_the_publisher_each_time() -> None:
    async with publisher() as (server, url):
        tokens = Tokens(TokenRules(url, issuer=ISSUER, audience=AUDIENCE))
        server.publish(published("rsa"))
        assert await tokens.verify(token()) is not None
        for number in range(50):
            assert await tokens.verify(token(kid=f"unknown-{number}")) is None
        assert server.asked == 1
        await tokens.close()


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("", "503 Service Unavailable", "status 503"),
        ("", "302 Found", "status 302"),
        ("no JSON", "200 OK", "Expecting value"),
        ("[" * 5_000, "200 OK", "recursion"),
        ('{"keys": []}', "200 OK", "no key"),
        ('{"keys": {}}', "200 OK", "no key set"),
        (json.dumps({"keys": [{}] * 101}), "200 OK", "no key set with up to 100"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "200 OK", "no key"),
        (" " * 300_000, "200 OK", "more than 262144 bytes"),
    ],
)
async def test_the_keys_of_before_stay_where_none_come(
    text: str, status: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with publisher() as (server, url):
        tokens = Tokens(TokenRules(url, issuer=ISSUER, audience=AUDIENCE))
        server.publish(published("rsa"))
        assert await tokens.verify(token()) is not None
        server.publish(text, status)
        assert await tokens.verify(token(kid="unknown")) is None
        assert server.asked == 2
        assert await tokens.verify(token()) is not None
        assert reason in caplog.text
        await tokens.close()


@pytest.mark.usefixtures("at_once")
async def test_keys_are_fetched_anew_beside_the_requests_and_not_kept_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with publisher() as (server, url):
        tokens = Tokens(TokenRules(url, issuer=ISSUER, audience=AUDIENCE))
        server.publish(published("rsa"))
        assert await tokens.verify(token()) is not None
        server.publish("", "503 Service Unavailable")
        server.came.clear()
        monkeypatch.setattr(key_set, "REFRESH_SECONDS", 0.0)
        assert await tokens.verify(token()) is not None
        await server.came.wait()
        monkeypatch.setattr(key_set, "KEPT_SECONDS", 0.0)
        with pytest.raises(key_set.KeysUnavailable):
            await tokens.verify(token())
        await tokens.close()


async def test_a_token_over_http(database: Database, file: Path) -> None:
    async with service(
        database,
        auth="auto",
        jwt_jwks=str(file),
        jwt_secret=SecretStr(SECRET),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_leeway=0,
    ) as (_, client):

        async def ask(sent: str, path: str = ME) -> httpx.Response:
            return await client.get(path, headers={"Authorization": f"Bearer {sent}"})

        me = (await ask(token())).json()
        assert (me["kind"], me["owner"], me["scopes"]) == (
            "token",
            "user-1",
            ["records:read", "search"],
        )
        assert (await ask(token(), "/api/search?q=x")).status_code == 200
        assert (await ask(token(), "/api/stats")).status_code == 403
        assert (await client.get(ME)).status_code == 401, "where tokens are taken, nothing is open"
        refused = {(await ask(FORGED[name]())).text for name in ("expired", "no signature")}
        assert refused == {(await client.get(ME)).text}

        soon = token(exp=int(time()) + 3)
        assert (await ask(soon)).status_code == 200
        await asyncio.sleep(3)
        assert (await ask(soon)).status_code == 401, "no cache lets a token live longer"


async def test_where_no_keys_are_known_it_is_not_the_callers_fault(
    database: Database, tmp_path: Path
) -> None:
    async with service(
        database,
        jwt_jwks=str(tmp_path / "none.json"),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
    ) as (_, client):
        answer = await client.get(ME, headers={"Authorization": f"Bearer {token()}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.get("/api/test/health")).status_code == 200
