"""The command line, run as its users run it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import COMMANDS
from backend.commands.serve import _listen

ROOT = Path(__file__).parents[1]


def memory_mirror(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from backend.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    text, _, modules = done.stdout.rpartition("\n\n")
    assert re.findall(r"^    ([a-z]+)\b", text, re.MULTILINE) == list(COMMANDS)
    imported = modules.split()
    assert "backend.cli" in imported
    assert not {"uvicorn", "pydantic", "prisma", "wasmtime", "asyncio"}.intersection(imported)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = memory_mirror(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: memory-mirror {name} ")


def test_no_command_shows_the_help_and_fails() -> None:
    done = memory_mirror()
    assert done.returncode == 2
    assert "COMMAND" in done.stdout


def test_an_unknown_command_is_named() -> None:
    done = memory_mirror("serv")
    assert done.returncode == 2
    assert "'serv'" in done.stderr


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = memory_mirror("serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"memory-mirror serve: port {port} on 127.0.0.1 is taken;"
        f" choose another, for example with PORT={port + 1}\n"
    )


def test_a_port_out_of_range_is_one_clear_line() -> None:
    done = memory_mirror("serve", "--port", "65536")
    assert done.returncode == 1
    assert done.stderr == "memory-mirror serve: 65536 is not a port; ports are 0 to 65535\n"


def test_the_server_sends_what_it_has_without_waiting_for_more() -> None:
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on
