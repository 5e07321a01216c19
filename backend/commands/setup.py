"""`memory-mirror setup`: what must be there before the service can be served."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-migrations", action="store_true", help="leave the database as it is")


def run(arguments: argparse.Namespace) -> int:
    return 0
