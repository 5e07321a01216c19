"""Compiled plans kept on disk, so that a process that starts anew needs no compiler for the
queries that an earlier one has made.

One file for each schema, database and version of Prisma, one line of JSON for each plan. Lines
are only added, each by one write, so several processes may share the file; a line that does not
read is passed over. What is in the file becomes SQL, so the folder must be ours alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .private_folder import cache_folder, open_private

_FORMAT = 1
_LARGEST = 16 << 20
"""Bytes after which nothing more is added."""


class PlanStore:
    """`made_from`: all that a plan depends on besides the query."""

    def __init__(self, made_from: Sequence[str]) -> None:
        text = json.dumps([_FORMAT, *made_from])
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._folder = cache_folder() / "plans"
        self._file: Path = self._folder / f"{name}.jsonl"
        self._plans: dict[str, dict[str, Any]] | None = None
        self._is_open = False

    def find(self, shape: str) -> dict[str, Any] | None:
        """The plan of a shape, as the compiler made it."""
        return self._read().get(shape)

    def add(self, shape: str, plan: dict[str, Any]) -> None:
        """Keep a plan for later processes. A disk that refuses is no reason to fail."""
        self._read()[shape] = plan
        if not self._is_open:
            return
        line = json.dumps({"shape": shape, "plan": plan}) + "\n"
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError:
            return
        try:
            if os.fstat(descriptor).st_size + len(line) <= _LARGEST:
                os.write(descriptor, line.encode())
        except OSError:
            pass  # the line may be cut short: it is passed over when it is read
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._plans is not None:
            return self._plans
        plans = self._plans = {}
        self._is_open = open_private(self._folder) is None
        if self._is_open:
            try:
                lines = self._file.read_bytes().splitlines()
            except OSError:
                lines = []
            for line in lines:
                try:
                    kept = json.loads(line)
                    plans[kept["shape"]] = kept["plan"]
                except (ValueError, KeyError, TypeError):
                    continue
        return plans
