"""`memory-mirror generate`: from schema.prisma to the typed client, without Node.js.

The schema's DMMF comes from Prisma's WebAssembly, the client from Prisma Client Python's own
generator; what the engine needs of the schema at run time is written beside it (artifact.py).

The client is rendered beside its place. client.py is then taken away first and comes back last,
so a run that is interrupted leaves a client that says that it is not generated, never one that is
half new.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..exclusive import exclusive
from ..protocol import parameters
from ..wasm import packages as npm_packages
from ..wasm.schema import (
    SchemaError,
    SchemaTools,
    connection_url,
    with_provider,
    without_connection,
)
from . import entry
from .artifact import ARTIFACT, StaleClientError, load_artifact, write_artifact

PROVIDERS = ("sqlite", "postgresql")

_RENDER = Path(__file__).with_name("render_client.py")
Log = Callable[[str], None]


class GenerateError(Exception):
    """The client cannot be generated; the text says why."""


def generate(
    schema_path: Path,
    *,
    output: Path | None = None,
    packages: Path | None = None,
    log: Log | None = None,
    force: bool = False,
) -> Path:
    """Render the client for a schema and return its folder: `output`, or the generator block's
    `output`, or the installed package `prisma`. Does nothing where all is up to date.

    `packages` is the node_modules folder with Prisma's packages, by default that of `locate`.
    Raises SchemaError, GenerateError and PackagesMissingError.
    """
    say = _say_nothing if log is None else log
    schema_path = schema_path.resolve()
    source, schema = _read_schema(schema_path)
    packages = (packages or npm_packages.locate(schema_path)).resolve()
    tools = SchemaTools(packages, file_name=schema_path.name, log=say)
    try:
        config = tools.get_config(schema)
        generator = _client_generator(config, schema_path)
        folder = _output_folder(generator, schema_path, output)
        with _exclusive(folder, say):
            if not force and _is_current(folder, schema_path, packages):
                say(f"The client in {folder} is up to date with {schema_path}")
                return folder
            say(f"Generating the client for {schema_path} into {folder}")
            dmmf = tools.get_dmmf(schema)
            artifact = {
                "source": str(schema_path),
                "schema_sha256": hashlib.sha256(source).hexdigest(),
                "packages": str(packages),
                "prisma": npm_packages.version(packages),
                "client": importlib.metadata.version("prisma"),
                "providers": _providers(tools, schema_path, schema, config),
            }
            _render(_data(schema_path, schema, config, generator, dmmf), folder, artifact, say)
    finally:
        tools.close()
    return folder


def _read_schema(path: Path) -> tuple[bytes, str]:
    try:
        source = path.read_bytes()
        return source, source.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise GenerateError(f"{path} cannot be read: {error}") from error


def _is_current(folder: Path, schema_path: Path, packages: Path) -> bool:
    try:
        artifact = load_artifact(folder)
    except StaleClientError:
        return False
    if folder == _installed_package() and not entry.is_installed(folder):
        return False
    made_from = (artifact["source"], artifact["packages"])
    return made_from == (str(schema_path), str(packages))


def _client_generator(config: dict[str, Any], schema_path: Path) -> dict[str, Any]:
    """The generator block of Prisma Client Python."""
    found = [
        generator
        for generator in config["generators"]
        if "prisma-client-py" in (generator["provider"]["value"] or "")
    ]
    if len(found) != 1:
        raise GenerateError(
            f"{schema_path} must have one generator block with provider = "
            f'"prisma-client-py"; it has {len(found)}.'
        )
    generator: dict[str, Any] = found[0]
    return generator


def _output_folder(generator: dict[str, Any], schema_path: Path, output: Path | None) -> Path:
    if output is not None:
        return output.resolve()
    named = generator["output"]
    if named is not None:
        value = named["value"]
        if named["fromEnvVar"]:
            value = os.environ.get(named["fromEnvVar"])
        if not value:
            raise GenerateError(f"the variable {named['fromEnvVar']} of `output` is not set")
        return schema_path.parent.joinpath(value).resolve()
    return _installed_package()


def _installed_package() -> Path:
    """The package `prisma`, found without importing it (and the client that it may hold)."""
    spec = importlib.util.find_spec("prisma")
    if spec is None or spec.origin is None:
        raise GenerateError("the package `prisma` (Prisma Client Python) is not installed")
    return Path(spec.origin).resolve().parent


def _exclusive(folder: Path, log: Log) -> contextlib.AbstractContextManager[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return exclusive(folder, log=log)
    except OSError as error:
        raise GenerateError(f"{folder} cannot be written: {error.strerror}") from error


def _providers(
    tools: SchemaTools, schema_path: Path, schema: str, config: dict[str, Any]
) -> dict[str, Any]:
    """What the engine needs for each provider for which the schema is valid."""
    own = config["datasources"][0]["activeProvider"] if config["datasources"] else None
    if own not in PROVIDERS:
        raise GenerateError(
            f"{schema_path} has the provider {own!r}; this engine runs {' and '.join(PROVIDERS)}."
        )
    providers = {}
    for provider in PROVIDERS:
        datamodel = with_provider(without_connection(schema), provider)
        try:
            dmmf = tools.get_dmmf(datamodel)
        except SchemaError:
            if provider == own:
                raise
            continue
        providers[provider] = {"datamodel": datamodel, "parameters": parameters.graph(dmmf)}
    return providers


def _data(
    schema_path: Path,
    schema: str,
    config: dict[str, Any],
    generator: dict[str, Any],
    dmmf: dict[str, Any],
) -> dict[str, Any]:
    """What Prisma's CLI would send to the generator."""
    datasource = {
        **config["datasources"][0],
        "url": connection_url(schema),
        "sourceFilePath": str(schema_path),
    }
    return {
        "datamodel": schema,
        "generator": {**generator, "output": {"fromEnvVar": None}},
        "otherGenerators": [],
        "schemaPath": str(schema_path),
        "dmmf": dmmf,
        "datasources": [datasource],
        "binaryPaths": {},
    }


def _render(data: dict[str, Any], folder: Path, artifact: dict[str, Any], log: Log) -> None:
    try:
        prefix = f".{folder.name}.generating-"
        for left in folder.parent.glob(f"{prefix}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as stage:
            package = Path(stage, "prisma")
            _copy_package(package)
            data["generator"]["output"]["value"] = str(package)
            _run_generator(data, stage, folder, log)
            write_artifact(package, artifact)
            if folder == _installed_package():
                entry.install(package)
            _publish(package, folder)
    except OSError as error:
        raise GenerateError(f"{folder} cannot be written: {error}") from error


def _copy_package(target: Path) -> None:
    """Copy the package `prisma` as its wheel has it, without code generated into it."""
    files = importlib.metadata.files("prisma") or []
    for file in files:
        if file.parts[0] == "prisma" and "__pycache__" not in file.parts:
            destination = target.joinpath(*file.parts[1:])
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(str(file.locate())), destination)


def _run_generator(data: dict[str, Any], stage: str, folder: Path, log: Log) -> None:
    done = subprocess.run(
        [sys.executable, "-P", str(_RENDER), stage, str(folder)],
        input=json.dumps(data),
        env={**os.environ, "PRISMA_GENERATOR_INVOCATION": "true"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    for line in done.stdout.splitlines():
        log(line)
    if done.returncode:
        raise GenerateError(f"Prisma Client Python's generator failed:\n{done.stderr.strip()}")


def _publish(package: Path, folder: Path) -> None:
    """Move the files that are new or changed into `folder`, client.py last."""
    _withdraw(folder)
    files = [path for path in package.rglob("*") if path.is_file()]
    files = [path for path in files if "__pycache__" not in path.parts]
    for path in sorted(files, key=lambda path: path == package / "client.py"):
        destination = folder / path.relative_to(package)
        if not destination.exists() or destination.read_bytes() != path.read_bytes():
            destination.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, destination)


def _withdraw(folder: Path) -> None:
    """Make the client in `folder` one that is not generated, for itself and for this engine."""
    for name in ("client.py", ARTIFACT):
        (folder / name).unlink(missing_ok=True)


def _say_nothing(text: str) -> None:
    pass
