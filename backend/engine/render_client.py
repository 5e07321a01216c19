"""Runs Prisma Client Python's own generator on what stdin describes (see generate.py).

    python -P render_client.py FOLDER < data.json

FOLDER holds a copy of the package `prisma` without generated code. A process of its own, since the
generator keeps state in its modules, imports the client that is about to be replaced, and lets
the user's partial type generator import the new one.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> int:
    sys.path.insert(0, sys.argv[1])
    sys.path.append(os.getcwd())  # partial_type_generator may name a module of the project
    import pydantic
    from prisma import config
    from prisma.generator import Generator
    from prisma.generator.errors import PartialTypeGeneratorError
    from prisma.generator.models import PythonData

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


if __name__ == "__main__":
    sys.exit(main())
