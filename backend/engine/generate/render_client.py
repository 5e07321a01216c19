"""Runs Prisma Client Python's own generator on what stdin describes (see generate.py).

    python -P render_client.py STAGE OUTPUT < data.json

STAGE holds a copy of the package `prisma` without generated code, into which the client is
rendered; OUTPUT is where it will be. A process of its own, since the generator keeps state in its
modules, imports the client that is about to be replaced, and lets the user's partial type
generator import the new one.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


def main() -> int:
    stage, output = sys.argv[1:]
    sys.path.insert(0, stage)
    sys.path.append(os.getcwd())  # partial_type_generator may name a module of the project
    import pydantic
    from prisma import config
    from prisma.generator import Generator
    from prisma.generator.errors import PartialTypeGeneratorError
    from prisma.generator.models import PythonData

    sys.meta_path.insert(0, _RenderedClient(Path(output)))
    data = json.load(sys.stdin)
    data["version"] = config.expected_engine_version  # the generator refuses any other
    try:
        Generator().generate(PythonData.model_validate(data))
    except pydantic.ValidationError as error:
        print(error, file=sys.stderr)
        return 1
    except PartialTypeGeneratorError as error:
        print(f"The partial type generator failed: {error.__cause__!r}", file=sys.stderr)
        return 1
    return 0


class _RenderedClient(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives who imports the client from its place (`app.db.models`) what is in the stage, which
    the generator knows as `prisma`."""

    def __init__(self, output: Path) -> None:
        roots = [Path(entry).resolve() for entry in sys.path]
        self._names = [
            ".".join(output.relative_to(root).parts)
            for root in roots
            if output.is_relative_to(root) and output != root
        ]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self._rendered(fullname) in (None, fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return importlib.import_module(self._rendered(spec.name) or spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module of `prisma` is loaded already."""

    def _rendered(self, name: str) -> str | None:
        for prefix in self._names:
            if name == prefix or name.startswith(f"{prefix}."):
                return f"prisma{name[len(prefix) :]}"
        return None


if __name__ == "__main__":
    sys.exit(main())
