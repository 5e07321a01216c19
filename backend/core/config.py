"""The settings: environment variables, or lines of the file .env in the current folder."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.core.caller import DEFAULT_OWNER, is_owner_name
from backend.core.errors import StartupError
from backend.core.rates import Rate

_ORIGIN = re.compile(
    r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?|\*"
)
_LOCAL_URL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])[:/]")
_HOST = re.compile(r"[a-z0-9.\-_]+|\[[0-9a-f:.]+\]|\*")


class Settings(BaseSettings):
    """Field names in capitals are the variables' names. Not set or empty: the default."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",  # .env is shared with other programs
        frozen=True,
        validate_default=True,
    )

    database_url: SecretStr = Field(
        SecretStr("file:./dev.db"),
        description="file: for SQLite, relative to the folder of schema.prisma; "
        "postgresql: for PostgreSQL",
    )
    host: str = Field("127.0.0.1", description="the address to listen on; 0.0.0.0 for all")
    port: int = Field(8000, ge=0, le=65535, description="the port to listen on; 0 for any free one")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://localhost:3000",),
        description="the origins whose pages may call the service from a browser, separated by "
        "commas or as a JSON list; * for all",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="the Host names that the service answers to, separated by commas or as a JSON "
        "list; * for all. By default localhost, 127.0.0.1, [::1] and HOST; all if HOST is 0.0.0.0",
    )
    auth: Literal["auto", "off", "required"] = Field(
        "auto",
        description="auto: a key is needed, but on a loopback HOST while no key was ever made; "
        "required: always; off: never",
    )
    auth_off_i_know: bool = Field(
        False, description="true: AUTH=off is meant, also where others than this machine reach it"
    )
    keys_secret: SecretStr = Field(
        SecretStr(""),
        description="a part of the hash of every key that is not in the database; with another one "
        "no key opens any more",
    )
    docs_open: bool = Field(
        True, description="false: /docs, /redoc and /openapi.json need a key as the rest does"
    )
    jwt_jwks: str = Field(
        "",
        description="where the keys of another service's tokens are published (RS256, ES256, "
        "EdDSA): an https URL, or a path; needs JWT_ISSUER and JWT_AUDIENCE",
    )
    jwt_secret: SecretStr = Field(
        SecretStr(""), description="the secret of tokens that are signed with HS256, of 32 bytes"
    )
    jwt_issuer: str = Field("", description="the issuer (iss) that tokens must name")
    jwt_audience: str = Field("", description="the audience (aud) that tokens must name")
    jwt_owner_claim: str = Field(
        "sub",
        min_length=1,
        description="the claim that names the owner, or a list of owners, that a token acts for",
    )
    jwt_scope_claim: str = Field(
        "scope", min_length=1, description="the claim that names a token's scopes"
    )
    jwt_leeway: int = Field(
        30, ge=0, le=600, description="by how many seconds the clocks of others may differ"
    )
    max_body_bytes: int = Field(
        1024 * 1024, ge=1, description="the largest request body; a larger one is refused with 413"
    )
    import_max_bytes: int = Field(
        2**30,
        ge=1,
        description="the largest import over HTTP, in bytes, as it is sent and unpacked; one line "
        "has at most MAX_BODY_BYTES",
    )
    max_description_length: int = Field(
        65_535, ge=1, description="the longest description, in characters"
    )
    require_if_match: bool = Field(
        False,
        description="true: a record is changed or deleted only by who sends the ETag that he has "
        "read, as If-Match; without one 428",
    )
    idempotency_hours: float = Field(
        24,
        gt=0,
        le=24 * 365,
        description="for how many hours the answer to a request with an Idempotency-Key is kept",
    )
    history_versions: int = Field(
        50, ge=0, description="how many earlier versions of a record can be read; 0: all"
    )
    history_days: int = Field(
        365, ge=0, le=100_000, description="for how many days they can be read; 0: for ever"
    )
    audit_reads: bool = Field(
        False, description="true: the change log also tells who has read what"
    )
    audit_seal_seconds: float = Field(
        60,
        ge=0,
        description="after how many seconds changes are sealed and versions that are long past are "
        "let go; 0: this process does neither",
    )
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="the proxies whose X-Forwarded-For says where a request comes from: addresses "
        "and networks, separated by commas or as a JSON list; * for all",
    )
    rate_limit_read: str = Field(
        "",
        description="how many requests that read each key, or without one each address, may make, "
        "such as 600/minute; 0: any number",
    )
    rate_limit_write: str = Field("", description="the same of requests that write")
    rate_limit_search: str = Field("", description="the same of searches and contexts")
    rate_limit_bulk: str = Field("", description="the same of exports, imports and bulk writes")
    rate_limit_failures: str = Field(
        "20/minute",
        description="how many keys that are none an address may send before it is refused",
    )
    rate_limit_store: SecretStr = Field(
        SecretStr(""),
        description="where the requests of several processes are counted together: redis://... or "
        "rediss://...; by default each process counts its own",
    )
    rate_limit_store_down: Literal["open", "closed"] = Field(
        "open",
        description="what happens when the store does not answer: open: requests are not limited; "
        "closed: they are refused with 503",
    )
    quota_records: int = Field(
        0, ge=0, le=2**62, description="how many records each owner may have stored; 0: any number"
    )
    quota_bytes: int = Field(
        0,
        ge=0,
        le=2**62,
        description="how many bytes they may take, as they are answered; 0: any number",
    )
    export_csv_guard: bool = Field(
        True,
        description="whether an export as CSV guards a text that a spreadsheet would run",
    )
    twelvelabs_api_key: SecretStr = Field(
        SecretStr(""),
        description="the key of the account at Twelve Labs that holds the video index; without one "
        "nothing is asked of it",
    )
    twelvelabs_index_id: str = Field("", description="the id of that index")
    twelvelabs_base_url: str = Field(
        "https://api.twelvelabs.io/v1.3",
        description="where Twelve Labs, or a proxy before it, is asked; https, or http and this "
        "machine",
    )
    twelvelabs_api: Literal["2026-07", "2026-03"] = Field(
        "2026-07",
        description="how an analysis names its video: 2026-07: by its asset; 2026-03: by its own "
        "id, as before",
    )
    twelvelabs_webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="what Twelve Labs signs its webhooks with; without one none is taken",
    )
    twelvelabs_poll: float = Field(
        60,
        ge=1,
        le=86_400,
        description="after how many seconds the index is looked at again",
    )
    twelvelabs_owner: str = Field(
        DEFAULT_OWNER, description="the owner whose records those of the index's videos are"
    )
    twelvelabs_recall_seconds: float = Field(
        0.8,
        gt=0,
        le=60,
        description="for how long a recall waits for Twelve Labs' search, in seconds; its own "
        "search answers alone after that",
    )
    twelvelabs_worker: bool = Field(
        True,
        description="false: the service describes nothing itself; `memory-mirror worker` does",
    )
    twelvelabs_reconcile: float = Field(
        3600,
        ge=1,
        le=30 * 86_400,
        description="after how many seconds all videos of the index are looked at again, not only "
        "new ones",
    )
    twelvelabs_concurrency: int = Field(
        2, ge=1, le=32, description="how many videos each process describes at the same time"
    )
    twelvelabs_lease: float = Field(
        60,
        ge=1,
        le=3600,
        description="after how many seconds without a word from its worker a job is free again",
    )
    twelvelabs_daily_minutes: float = Field(
        0,
        ge=0,
        le=2**31,
        description="how many minutes of video are described each day (UTC); 0: any number",
    )
    twelvelabs_daily_tokens: int = Field(
        0,
        ge=0,
        le=2**53,
        description="after how many tokens no more are described that day; 0: any number",
    )
    twelvelabs_model: str = Field(
        "pegasus1.5", min_length=1, max_length=100, description="the model that describes"
    )
    twelvelabs_temperature: float = Field(
        0.2, ge=0, le=1, description="how freely it writes, from 0 to 1"
    )
    twelvelabs_max_tokens: int = Field(
        4096,
        ge=2,
        le=98_304,
        description="how many tokens a description may have at first; one that is cut is asked for "
        "again with more",
    )
    twelvelabs_prompt: str = Field(
        "", max_length=20_000, description="what the model is asked; by default for the JSON below"
    )
    twelvelabs_schema: str = Field(
        "",
        max_length=20_000,
        description="the JSON schema of its answer; by default title, summary, keywords, people, "
        "mood, event_type and segments",
    )
    twelvelabs_prompt_version: str = Field(
        "1",
        min_length=1,
        max_length=100,
        description="the version of prompt and schema, which each record names; another one for "
        "each that is changed",
    )
    twelvelabs_write_back: bool = Field(
        False,
        description="true: tags, people, mood and date that others change here are told to the "
        "index",
    )
    twelvelabs_upload_max_bytes: int = Field(
        200 * 10**6,
        ge=1,
        description="the largest video that is taken for an upload to Twelve Labs, in bytes; of "
        "one that it fetches itself the limit is its own",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="debug, info, warning or error; from warning on, no line for each request",
    )
    log_format: Literal["text", "json"] = Field("text", description="text or json")

    @property
    def rate_limits(self) -> dict[str, Rate | None]:
        """By what is limited."""
        return {
            "read": Rate.parse(self.rate_limit_read),
            "write": Rate.parse(self.rate_limit_write),
            "search": Rate.parse(self.rate_limit_search),
            "bulk": Rate.parse(self.rate_limit_bulk),
            "failures": Rate.parse(self.rate_limit_failures),
        }

    @field_validator("database_url")
    @classmethod
    def _known_scheme(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("file:", "postgresql://", "postgres://")):
            raise ValueError("must start with file: or postgresql://")
        return url

    @field_validator("rate_limit_store")
    @classmethod
    def _known_store(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text and not text.startswith(("redis://", "rediss://")):
            raise ValueError("must start with redis:// or rediss://")
        try:
            _ = urlsplit(text).port
        except ValueError as error:  # whose text may have a part of the password
            raise ValueError("has a port that is none") from error
        return url

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            if each != "*":
                ip_network(each)
        return proxies

    @field_validator(
        "rate_limit_read",
        "rate_limit_write",
        "rate_limit_search",
        "rate_limit_bulk",
        "rate_limit_failures",
    )
    @classmethod
    def _a_rate(cls, limit: str) -> str:
        Rate.parse(limit)
        return limit

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value().encode()) < 32:
            raise ValueError("must have at least 32 bytes, as RFC 7518 has it")
        return secret

    @field_validator("jwt_jwks")
    @classmethod
    def _not_in_the_clear(cls, source: str) -> str:
        if source.startswith("http://") and not _LOCAL_URL.match(source):
            raise ValueError("must start with https://, or http:// and this machine, or be a path")
        return source

    @field_validator("jwt_audience")
    @classmethod
    def _for_this_service(cls, audience: str, info: ValidationInfo) -> str:
        if info.data.get("jwt_jwks") and not (audience and info.data.get("jwt_issuer")):
            raise ValueError(
                "JWT_JWKS needs JWT_ISSUER and JWT_AUDIENCE: a token is from one service, for this"
            )
        return audience

    @field_validator("twelvelabs_api_key")
    @classmethod
    def _a_header(cls, key: SecretStr) -> SecretStr:
        if re.fullmatch(r"[!-~]*", key.get_secret_value()) is None:
            raise ValueError("has only visible characters of ASCII")
        return key

    @field_validator("twelvelabs_index_id")
    @classmethod
    def _of_the_key(cls, id_: str, info: ValidationInfo) -> str:
        if re.fullmatch(r"[A-Za-z0-9_-]{0,255}", id_) is None:
            raise ValueError("has only letters, digits, _ and -")
        key: SecretStr | None = info.data.get("twelvelabs_api_key")
        if key is not None and key.get_secret_value() and not id_:
            raise ValueError("is needed beside TWELVELABS_API_KEY")
        return id_

    @field_validator("twelvelabs_base_url")
    @classmethod
    def _not_with_the_key_in_the_clear(cls, url: str) -> str:
        url = url.removesuffix("/")
        if not url.startswith("https://") and not _LOCAL_URL.match(f"{url}/"):
            raise ValueError("must start with https://, or http:// and this machine")
        return url

    @field_validator("twelvelabs_schema")
    @classmethod
    def _an_object(cls, schema: str) -> str:
        try:
            is_object = not schema or isinstance(json.loads(schema), dict)
        except ValueError as error:
            raise ValueError(f"is no JSON: {error}") from error
        if not is_object:
            raise ValueError("is no JSON object")
        return schema

    @field_validator("twelvelabs_prompt_version")
    @classmethod
    def _of_this_prompt(cls, version: str, info: ValidationInfo) -> str:
        changed = info.data.get("twelvelabs_prompt") or info.data.get("twelvelabs_schema")
        if changed and version == cls.model_fields["twelvelabs_prompt_version"].default:
            raise ValueError(
                f"must be another than {version}, which is that of the prompt that is built in"
            )
        return version

    @field_validator("twelvelabs_owner")
    @classmethod
    def _an_owner(cls, name: str) -> str:
        if not is_owner_name(name):
            raise ValueError("must be 1 to 255 visible characters of ASCII, no comma, and not *")
        return name

    @field_validator("auth", "log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("allowed_origins", "allowed_hosts", "forwarded_allow_ips", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"is not a JSON list: {error}") from error

    @field_validator("allowed_origins")
    @classmethod
    def _plain_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        plain = tuple(origin.lower().removesuffix("/") for origin in origins)
        return _matching(plain, _ORIGIN, "an origin such as http://localhost:3000")

    @field_validator("allowed_hosts")
    @classmethod
    def _plain_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        plain = tuple(host.lower() for host in hosts)
        return _matching(plain, _HOST, "a Host name, without port, such as example.org")


def _matching(values: tuple[str, ...], pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
    for value in values:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
    return values


def load_settings() -> Settings:
    """Raises StartupError, which names each setting that is wrong and why."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"  {str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        # Not `from error`: its text repeats the values, and DATABASE_URL holds a password.
        raise StartupError("\n".join(["These settings cannot be used:", *lines])) from None
