"""Settings come from the environment and .env; bad ones stop the start with a clear word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core.config import Settings, load_settings
from backend.core.errors import StartupError


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)  # where there is no .env


def test_defaults() -> None:
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "file:./dev.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.allowed_origins == ("http://localhost:3000",)
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.max_description_length == 65_535
    assert (settings.log_level, settings.log_format) == ("info", "text")


def test_the_environment_stands_above_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nHOST=0.0.0.0\nLOG_LEVEL=\nFRONTEND_KEY=other\n")
    monkeypatch.setenv("PORT", "9001")
    settings = load_settings()
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 9001, "info")


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("DATABASE_URL", "postgresql://me:hushed@localhost/db"),
        ("KEYS_SECRET", "hushed"),
        ("TWELVELABS_API_KEY", "hushed"),
        ("TWELVELABS_INDEX_ID", "1"),
        ("TWELVELABS_WEBHOOK_SECRET", "hushed"),
        ("JWT_SECRET", "hushed" * 6),
    ):
        monkeypatch.setenv(name, value)
    assert "hushed" not in repr(load_settings())


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("http://a.example", ("http://a.example",)),
        (
            "http://a.example, https://b.example:8443/",
            ("http://a.example", "https://b.example:8443"),
        ),
        ('["http://a.example", "http://[::1]:3000"]', ("http://a.example", "http://[::1]:3000")),
        ("HTTP://Localhost:3000", ("http://localhost:3000",)),
        ("*", ("*",)),
        ("[]", ()),
    ],
)
def test_origins(monkeypatch: pytest.MonkeyPatch, given: str, origins: tuple[str, ...]) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", given)
    assert load_settings().allowed_origins == origins


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "70000", "Input should be less than or equal to 65535"),
        ("PORT", "http", "Input should be a valid integer, unable to parse string as an integer"),
        ("DATABASE_URL", "mysql://me:secret@h/db", "must start with file: or postgresql://"),
        ("DATABASE_URL", "dev.db", "must start with file: or postgresql://"),
        ("ALLOWED_ORIGINS", "localhost:3000", "'localhost:3000' is not an origin such as"),
        ("ALLOWED_ORIGINS", "http://a.example/path", "is not an origin such as"),
        ("ALLOWED_ORIGINS", "[http://a.example]", "is not a JSON list"),
        ("ALLOWED_ORIGINS", "[1]", "Input should be a valid string"),
        ("MAX_BODY_BYTES", "0", "Input should be greater than or equal to 1"),
        ("MAX_DESCRIPTION_LENGTH", "-1", "Input should be greater than or equal to 1"),
        ("RATE_LIMIT_READ", "300", "'300' is not a limit such as 300/minute"),
        ("RATE_LIMIT_BULK", "1/minute;9/hour", "is not a limit such as 300/minute"),
        ("RATE_LIMIT_FAILURES", "0/minute", "is not between 1 and 1000000000"),
        ("RATE_LIMIT_STORE", "memcached://:secret@h", "must start with redis:// or rediss://"),
        ("RATE_LIMIT_STORE", "redis://:se/secret@h:6379", "has a port that is none"),
        ("RATE_LIMIT_STORE_DOWN", "ajar", "Input should be 'open' or 'closed'"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("FORWARDED_ALLOW_IPS", "proxy", "does not appear to be an IPv4 or IPv6 network"),
        ("TWELVELABS_API_KEY", "secret key", "has only visible characters of ASCII"),
        ("TWELVELABS_INDEX_ID", "../1", "has only letters, digits, _ and -"),
        ("TWELVELABS_BASE_URL", "http://api.twelvelabs.io/v1.3", "must start with https://, or"),
        ("TWELVELABS_OWNER", "*", "must be 1 to 255 visible characters of ASCII"),
        ("TWELVELABS_API", "2025-01", "Input should be '2026-07' or '2026-03'"),
        ("TWELVELABS_SCHEMA", "[]", "is no JSON object"),
        ("TWELVELABS_SCHEMA", "{", "is no JSON: "),
        ("TWELVELABS_TEMPERATURE", "1.5", "Input should be less than or equal to 1"),
        ("TWELVELABS_POLL", "0", "Input should be greater than or equal to 1"),
        ("AUTH", "maybe", "Input should be 'auto', 'off' or 'required'"),
        ("JWT_SECRET", "secret", "must have at least 32 bytes"),
        ("JWT_JWKS", "http://example.org/keys", "must start with https://"),
        ("JWT_LEEWAY", "601", "Input should be less than or equal to 600"),
        ("LOG_LEVEL", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "Input should be 'text' or 'json'"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as raised:
        load_settings()
    first, *lines = str(raised.value).splitlines()
    assert first == "These settings cannot be used:"
    assert len(lines) == 1
    assert lines[0].startswith(f"  {name}: ")
    assert reason in lines[0]
    assert "secret" not in str(raised.value)


def test_a_key_of_twelve_labs_needs_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVELABS_API_KEY", "tlk_0123")
    with pytest.raises(StartupError, match="INDEX_ID: is needed beside TWELVELABS_API_KEY"):
        load_settings()


@pytest.mark.parametrize("name", ["TWELVELABS_PROMPT", "TWELVELABS_SCHEMA"])
def test_another_prompt_has_another_version(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, '{"type": "object"}')
    with pytest.raises(StartupError, match="PROMPT_VERSION: must be another than 1"):
        load_settings()
    monkeypatch.setenv("TWELVELABS_PROMPT_VERSION", "2")
    assert load_settings().twelvelabs_prompt_version == "2"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"PORT": "x"}, "These settings cannot be used:\n  PORT: Input should be a valid integer"),
        ({"DATABASE_URL": "file:./no-such.db"}, "Run: memory-mirror migrate deploy"),
        ({"DATABASE_URL": "file:/proc/no/folder.db"}, "The database cannot be used."),
    ],
)
def test_a_server_that_cannot_start_says_why_without_a_traceback(
    setting: dict[str, str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "backend.main:app", "--port", "0"],
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "hosts"),
    [("API.example.org, localhost", ("api.example.org", "localhost")), ('["[::1]"]', ("[::1]",))],
)
def test_the_allowed_hosts(
    monkeypatch: pytest.MonkeyPatch, given: str, hosts: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", given)
    assert load_settings().allowed_hosts == hosts


def test_published_keys_need_an_issuer_and_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_JWKS", "https://example.org/keys")
    monkeypatch.setenv("JWT_ISSUER", "https://example.org/")
    with pytest.raises(StartupError, match="JWT_AUDIENCE: JWT_JWKS needs JWT_ISSUER and"):
        load_settings()
    monkeypatch.setenv("JWT_AUDIENCE", "memories")
    assert load_settings().jwt_audience == "memories"


def test_a_host_with_its_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "example.org:8000")
    with pytest.raises(StartupError, match="is not a Host name"):
        load_settings()


def test_no_log_level_prints_the_password(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "serve"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PORT": "0",
            "LOG_LEVEL": "debug",
            "DATABASE_URL": "postgresql://user:a-very-secret-password@127.0.0.1:1/none",
        },
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "127.0.0.1:1" in done.stderr
    assert "a-very-secret-password" not in done.stdout + done.stderr
