from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.engine.generate.artifact import StaleClientError, load_artifact
from backend.engine.generate.generate import generate
from backend.engine.wasm.packages import PackagesMissingError, locate
from tests.engine.wasm.schemas import BLOG

CURE = r".*Run `memory-mirror generate`\.$"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    (folder / "schema.prisma").write_text(BLOG)
    return generate(folder / "schema.prisma", output=folder / "client")


@pytest.fixture
def client(generated: Path, tmp_path: Path) -> Path:
    """A copy of a generated client and its schema, to be spoilt."""
    shutil.copytree(generated, tmp_path / "client")
    shutil.copyfile(generated.parent / "schema.prisma", tmp_path / "schema.prisma")
    _change(tmp_path / "client", source=str(tmp_path / "schema.prisma"))
    return tmp_path / "client"


def _change(folder: Path, /, **changes: Any) -> None:
    artifact = json.loads((folder / "engine.json").read_text())
    (folder / "engine.json").write_text(json.dumps({**artifact, **changes}))


def test_a_client_that_fits_is_accepted(client: Path) -> None:
    assert set(load_artifact(client)["providers"]) == {"sqlite", "postgresql"}


@pytest.mark.parametrize("name", ["engine.json", "client.py"])
def test_a_client_that_was_never_generated(client: Path, name: str) -> None:
    (client / name).unlink()
    with pytest.raises(StaleClientError, match="has not been generated for this engine" + CURE):
        load_artifact(client)


def test_half_an_artifact(client: Path) -> None:
    text = (client / "engine.json").read_text()
    (client / "engine.json").write_text(text[: len(text) // 2])
    with pytest.raises(StaleClientError, match="has not been generated for this engine" + CURE):
        load_artifact(client)


def test_a_client_that_another_tool_rendered_since(client: Path) -> None:
    with (client / "client.py").open("a") as file:
        file.write("\n# by `prisma generate`\n")
    with pytest.raises(StaleClientError, match="by another tool or version" + CURE):
        load_artifact(client)


def test_an_artifact_of_a_later_format(client: Path) -> None:
    _change(client, format=2)
    with pytest.raises(StaleClientError, match="by another tool or version" + CURE):
        load_artifact(client)


def test_a_schema_that_has_changed_since(client: Path) -> None:
    schema = client.parent / "schema.prisma"
    schema.write_text(BLOG + "\n")
    with pytest.raises(StaleClientError, match=f"before {schema} was changed" + CURE):
        load_artifact(client)


def test_a_schema_that_was_not_deployed(client: Path) -> None:
    (client.parent / "schema.prisma").unlink()
    load_artifact(client)


def test_another_version_of_prisma_client_python(client: Path) -> None:
    _change(client, client="0.14.0")
    with pytest.raises(StaleClientError, match="0.14.0, but 0.15.0 is installed" + CURE):
        load_artifact(client)


def test_another_version_of_prismas_packages(client: Path) -> None:
    _change(client, prisma="7.9.0")
    with pytest.raises(StaleClientError, match=r"with Prisma 7\.9\.0, but .* has 7\.10\.0" + CURE):
        load_artifact(client)


def test_packages_that_were_deployed_elsewhere(client: Path) -> None:
    _change(client, packages=str(client / "gone"))
    artifact = load_artifact(client)
    assert artifact["packages"] == str(locate(client.parent / "schema.prisma"))


def test_packages_that_are_not_there(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.engine.wasm.packages._OWN", client / "nothing")
    _change(client, packages=str(client / "gone"))
    with pytest.raises(PackagesMissingError, match=r"Run `memory-mirror setup`\.$"):
        load_artifact(client)
