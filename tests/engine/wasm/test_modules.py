from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import wasmtime

from backend.engine.wasm import modules


@pytest.fixture
def wasm(tmp_path: Path) -> Path:
    file = tmp_path / "small_bg.wasm"
    file.write_bytes(
        wasmtime.wat2wasm('(module (func (export "answer") (result i32) i32.const 42))')
    )
    return file


class Log(list[str]):
    def __call__(self, text: str) -> None:
        self.append(text)

    @property
    def compiled(self) -> bool:
        return any(text.startswith("Compiling") for text in self)


def _load_anew(wasm: Path, log: Log) -> modules.LoadedModule:
    """Load as another process would: without what this one remembers of the file."""
    status = wasm.stat()
    os.utime(wasm, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    return modules.load(wasm, log=log)


def _answer(loaded: modules.LoadedModule) -> int:
    store = wasmtime.Store(loaded.engine)
    function = wasmtime.Instance(store, loaded.module, []).exports(store)["answer"]
    assert isinstance(function, wasmtime.Func)
    answer: int = function(store)
    store.close()
    return answer


def test_a_module_is_compiled_once(wasm: Path, cache: Path) -> None:
    first, second = Log(), Log()
    assert _answer(modules.load(wasm, log=first)) == 42
    assert first.compiled
    assert len(list(cache.iterdir())) == 1
    assert cache.stat().st_mode & 0o777 == 0o700
    assert _answer(_load_anew(wasm, second)) == 42
    assert second == []


def test_a_process_loads_a_module_once(wasm: Path, cache: Path) -> None:
    assert modules.load(wasm, log=Log()) is modules.load(wasm, log=Log())


def test_another_content_is_another_module(wasm: Path, cache: Path) -> None:
    modules.load(wasm, log=Log())
    wasm.write_bytes(
        wasmtime.wat2wasm('(module (func (export "answer") (result i32) i32.const 7))')
    )
    log = Log()
    assert _answer(_load_anew(wasm, log)) == 7
    assert log.compiled
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "foreign"])
def test_a_spoilt_file_is_compiled_anew(wasm: Path, cache: Path, damage: str) -> None:
    modules.load(wasm, log=Log())
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged = {
        "truncated": file.read_bytes()[:-100],
        "changed": bytes(content),
        "empty": b"",
        "foreign": b"\x7fELF of another program",
    }[damage]
    file.write_bytes(damaged)
    log = Log()
    assert _answer(_load_anew(wasm, log)) == 42
    assert log.compiled
    again = Log()
    assert _answer(_load_anew(wasm, again)) == 42
    assert again == []


def test_a_file_with_a_right_name_that_wasmtime_refuses_is_compiled_anew(
    wasm: Path, cache: Path
) -> None:
    """As one made by wasmtime for a processor with other features."""
    modules.load(wasm, log=Log())
    (file,) = cache.iterdir()
    file.unlink()
    refused = b"of another processor"
    name = file.name.rpartition("-")[0]
    (cache / f"{name}-{modules._digest(refused)}.cwasm").write_bytes(refused)
    log = Log()
    assert _answer(_load_anew(wasm, log)) == 42
    assert log.compiled


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_may_write_is_refused(wasm: Path, cache: Path, mode: int) -> None:
    modules.load(wasm, log=Log())
    cache.chmod(mode)
    log = Log()
    assert _answer(_load_anew(wasm, log)) == 42
    assert log.compiled
    assert log[0] == (
        f"The cache of compiled modules is not used: others may write in {cache}; "
        "it must have mode 0700"
    )


def test_a_link_to_a_folder_is_refused(wasm: Path, cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    log = Log()
    assert _answer(modules.load(wasm, log=log)) == 42
    assert "is not a folder" in log[0]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_of_another_user_is_refused(wasm: Path, cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    os.chown(cache, 12345, 12345)
    log = Log()
    assert _answer(modules.load(wasm, log=log)) == 42
    assert "belongs to another user" in log[0]


def test_without_a_place_for_the_cache_modules_are_compiled(
    wasm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    log = Log()
    assert _answer(modules.load(wasm, log=log)) == 42
    assert log[0].startswith("The cache of compiled modules is not used: ")
    assert log.compiled


def test_a_full_disk_is_no_obstacle(
    wasm: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    log = Log()
    assert _answer(modules.load(wasm, log=log)) == 42
    assert log[-1] == (f"The compiled module could not be kept in {cache}: No space left on device")
    assert list(cache.iterdir()) == []


def test_what_nobody_has_used_for_long_is_removed(wasm: Path, cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    long_ago = time.time() - 40 * 24 * 3600
    for name in ("old-version.cwasm", ".left.new", "recent.cwasm", "note.txt"):
        (cache / name).touch()
        if name != "recent.cwasm":
            os.utime(cache / name, (long_ago, long_ago))
    modules.load(wasm, log=Log())
    kept = {file.name for file in cache.iterdir()}
    assert {"recent.cwasm", "note.txt"} < kept
    assert len(kept) == 3


def test_loading_marks_a_file_as_used(wasm: Path, cache: Path) -> None:
    modules.load(wasm, log=Log())
    (file,) = cache.iterdir()
    os.utime(file, (1, 1))
    _load_anew(wasm, Log())
    assert file.stat().st_mtime > 1


def test_progress_goes_to_stderr(
    wasm: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    modules.load(wasm)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "small_bg.wasm for this machine; this is done once" in printed.err
