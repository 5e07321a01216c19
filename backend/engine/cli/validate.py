"""`memory-mirror validate`: whether a Prisma schema is valid, for each provider it serves."""

from __future__ import annotations

import argparse

from ..errors import EngineError
from ..migrate.config import load_config
from ..wasm.packages import PackagesError, locate
from ..wasm.schema import SchemaError, SchemaTools, with_provider
from .command_error import CommandError
from .prisma import add_schema, find_schema, say


def configure(parser: argparse.ArgumentParser) -> None:
    add_schema(parser)


def run(arguments: argparse.Namespace) -> int:
    schema = find_schema(arguments.schema)
    text = schema.read_text(encoding="utf-8")
    try:
        providers = load_config(schema).providers
        tools = SchemaTools(locate(schema), file_name=str(schema))
        tools.validate(text)
        for provider in providers:
            _validate_as(tools, text, provider)
    except (EngineError, PackagesError, SchemaError) as error:
        raise CommandError(str(error)) from error
    say(f"The schema at {schema} is valid")
    return 0


def _validate_as(tools: SchemaTools, text: str, provider: str) -> None:
    try:
        tools.validate(with_provider(text, provider))
    except SchemaError as error:
        raise CommandError(f'with provider = "{provider}":\n{error}') from error
