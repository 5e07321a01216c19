"""The `__main__.py` of the package `prisma`: `python -m prisma` runs this engine's commands.

Upstream's own starts a command line that looks for Node.js and a binary. It is a file of the
installed package, into which the client is rendered anyway; so is this one. An upgrade of the
package brings upstream's back, which `is_installed` tells, and the next set-up writes ours again.
"""

from __future__ import annotations

from pathlib import Path

_ENTRY = f'''\
"""`python -m prisma`: written with the client, by {__package__}."""

import sys

from {__package__.rpartition(".")[0]}.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
'''


def install(package: Path) -> None:
    """Write it into the folder of a package `prisma`."""
    (package / "__main__.py").write_text(_ENTRY, encoding="utf-8")


def is_installed(package: Path) -> bool:
    try:
        return (package / "__main__.py").read_text(encoding="utf-8") == _ENTRY
    except OSError:
        return False
