from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.engine.generate.artifact import StaleClientError, load_artifact
from backend.engine.generate.generate import GenerateError, generate
from backend.engine.wasm.packages import locate
from backend.engine.wasm.schema import SchemaError
from tests.engine.wasm.schemas import BLOG

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.prisma"
    path.write_text(BLOG)
    return path


def _run(code: str, folder: Path) -> str:
    """What a fresh Python prints, with `folder` to import from."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_client_is_a_package_of_its_own(schema: Path, tmp_path: Path) -> None:
    environment = dict(os.environ)
    client = generate(schema, output=tmp_path / "blog")
    assert client == tmp_path / "blog"
    assert dict(os.environ) == environment
    shown = _run("import blog; print(blog.Prisma().user, blog.models.Post.__module__)", tmp_path)
    assert shown.startswith("<blog.actions.UserActions")
    assert shown.endswith("blog.models")
    assert {path.name for path in tmp_path.iterdir()} == {"schema.prisma", "blog"}


def test_the_artifact_has_what_the_engine_needs(schema: Path, tmp_path: Path) -> None:
    client = generate(schema, output=tmp_path / "blog")
    artifact = json.loads((client / "engine.json").read_text())
    assert artifact["format"] == 1
    assert artifact["source"] == str(schema)
    assert artifact["packages"] == str(locate(schema).resolve())
    assert artifact["prisma"].startswith("7.10.0")
    assert artifact["client"] == "0.15.0"
    assert list(artifact["providers"]) == ["sqlite", "postgresql"]
    for provider, given in artifact["providers"].items():
        assert given["datamodel"] == BLOG.replace('"sqlite"', f'"{provider}"').replace(
            '  url      = env("DATABASE_URL")', ""
        )
        assert "User.findMany" in given["parameters"]["roots"]
    assert load_artifact(client) == artifact


def test_a_provider_for_which_the_schema_is_not_valid_is_left_out(
    schema: Path, tmp_path: Path
) -> None:
    schema.write_text(BLOG.replace("title    String", "title    String @db.VarChar(9)"))
    with pytest.raises(SchemaError, match="VarChar"):
        generate(schema, output=tmp_path / "blog")
    schema.write_text(schema.read_text().replace('"sqlite"', '"postgresql"'))
    client = generate(schema, output=tmp_path / "blog")
    assert list(load_artifact(client)["providers"]) == ["postgresql"]


def test_nothing_is_done_twice(schema: Path, tmp_path: Path) -> None:
    log: list[str] = []
    client = generate(schema, output=tmp_path / "blog", log=log.append)
    written = _times(client)
    assert log == [f"Generating the client for {schema} into {client}"]
    generate(schema, output=client, log=log.append)
    assert log[1:] == [f"The client in {client} is up to date with {schema}"]
    assert _times(client) == written
    generate(schema, output=client, log=log.append, force=True)
    assert log[2:] == log[:1]


def _times(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.stat().st_mtime_ns for path in files}


def test_a_changed_schema_renders_the_client_anew(schema: Path, tmp_path: Path) -> None:
    client = generate(schema, output=tmp_path / "blog")
    schema.write_text(BLOG.replace("model User", "model Writer").replace("User?", "Writer?"))
    with pytest.raises(StaleClientError, match=r"before .* was changed"):
        load_artifact(client)
    generate(schema, output=client)
    load_artifact(client)
    assert _run("import blog; print(blog.Prisma().writer is not None)", tmp_path) == "True"


def test_nothing_is_printed(
    schema: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Without a depth the generator prints a warning of 20 lines.
    schema.write_text(BLOG.replace("  recursive_type_depth = -1\n", ""))
    generate(schema, output=tmp_path / "blog")
    assert capfd.readouterr() == ("", "")
    log: list[str] = []
    generate(schema, output=tmp_path / "blog", log=log.append, force=True)
    assert any("highly recommended" in line for line in log)


def test_the_output_of_the_generator_block(schema: Path, tmp_path: Path) -> None:
    block = 'provider             = "prisma-client-py"'
    schema.write_text(BLOG.replace(block, f'{block}\n  output = "./app/db"'))
    assert generate(schema) == tmp_path / "app" / "db"
    (tmp_path / "app" / "__init__.py").touch()
    assert _run("from app.db import Prisma; print(Prisma.__module__)", tmp_path) == "app.db.client"


def test_the_synchronous_interface_and_names_of_instances(schema: Path, tmp_path: Path) -> None:
    block = 'provider             = "prisma-client-py"'
    schema.write_text(
        BLOG.replace(block, f'{block}\n  interface = "sync"').replace(
            "model User", '/// @Python(instance_name: "people")\nmodel User'
        )
    )
    generate(schema, output=tmp_path / "blog")
    shown = _run("import blog; print(blog.Prisma.__base__, blog.Prisma().people)", tmp_path)
    assert shown.startswith("<class 'blog._base_client.SyncBasePrisma'> <blog.actions.UserActions")


@pytest.mark.parametrize("package", ["prisma", "app.blog"])
def test_partial_types(schema: Path, tmp_path: Path, package: str) -> None:
    """The script may import the models being rendered as `prisma` or from the client's place,
    also where an older client is there."""
    block = 'provider             = "prisma-client-py"'
    option = 'partial_type_generator = "partial_types.py"'
    schema.write_text(BLOG.replace(block, f"{block}\n  {option}"))
    (tmp_path / "partial_types.py").write_text(
        f"from {package}.models import User\nUser.create_partial('UserName', include={{'email'}})\n"
    )
    code = (
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        "from pathlib import Path\n"
        "from backend.engine.generate.generate import generate\n"
        "generate(Path('schema.prisma'), output=Path('app/blog'))\n"
        "schema = Path('schema.prisma').read_text().replace('age ', 'years ')\n"
        "Path('schema.prisma').write_text(schema)\n"
        # Of another size: Python tells a changed script by its size and its second.
        "script = Path('partial_types.py').read_text().replace('email', 'years', 1) + '# new'\n"
        "Path('partial_types.py').write_text(script)\n"
        "generate(Path('schema.prisma'), output=Path('app/blog'))\n"
        "import app.blog as blog; print(list(blog.partials.UserName.model_fields))"
    )
    assert _run(code, tmp_path) == "['years']"
    load_artifact(tmp_path / "app" / "blog")


def test_a_failing_partial_type_generator_is_reported(schema: Path, tmp_path: Path) -> None:
    script = tmp_path / "partial_types.py"
    script.write_text("raise LookupError('no such model')")
    block = 'provider             = "prisma-client-py"'
    option = f'partial_type_generator = "{script}"'
    schema.write_text(BLOG.replace(block, f"{block}\n  {option}"))
    with pytest.raises(GenerateError, match=r"partial type generator failed.*no such model"):
        generate(schema, output=tmp_path / "blog")
    with pytest.raises(StaleClientError):
        load_artifact(tmp_path / "blog")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("prisma-client-py", "prisma-client-js", r"must have one generator block .* it has 0"),
        ('"sqlite"', '"mysql"', r"provider 'mysql'; this engine runs sqlite and postgresql"),
        ("recursive_type_depth = -1", "recursive_type_depth = 1", r"must equal -1 or be greater"),
        ("recursive_type_depth", "no_such_option", r"no_such_option\n\s+Extra inputs"),
        ("model User {", "model User {\n  class Int", r"shadows a Python keyword"),
    ],
)
def test_what_the_generator_refuses(
    schema: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    schema.write_text(BLOG.replace(old, new))
    with pytest.raises(GenerateError, match=message):
        generate(schema, output=tmp_path / "blog")
    with pytest.raises(StaleClientError):
        load_artifact(tmp_path / "blog")


def test_a_failed_run_leaves_the_client_as_it_was(schema: Path, tmp_path: Path) -> None:
    client = generate(schema, output=tmp_path / "blog")
    before = _times(client)
    schema.write_text(BLOG.replace("recursive_type_depth = -1", "recursive_type_depth = 1"))
    with pytest.raises(GenerateError):
        generate(schema, output=client)
    assert _times(client) == before


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenerateError, match=r"nowhere\.prisma cannot be read"):
        generate(tmp_path / "nowhere.prisma", output=tmp_path / "blog")


def test_other_files_in_the_output_stay(schema: Path, tmp_path: Path) -> None:
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "mine.py").write_text("MINE = 1")
    generate(schema, output=tmp_path / "blog")
    assert (tmp_path / "blog" / "mine.py").read_text() == "MINE = 1"


_GENERATE = (
    "import sys, pathlib; from backend.engine.generate.generate import generate;"
    "generate(pathlib.Path(sys.argv[1]), output=pathlib.Path(sys.argv[2]), force=True)"
)


def _start(schema: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _GENERATE, str(schema), str(output)]
    return subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE)


def test_two_at_once(schema: Path, tmp_path: Path) -> None:
    """Two processes and two threads, into one place; and one into a place beside it."""
    client = tmp_path / "blog"
    processes = [_start(schema, output) for output in (client, client, tmp_path / "blog2")]
    threads = [
        threading.Thread(target=generate, args=(schema,), kwargs={"output": client, "force": True})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        assert process.communicate(timeout=60) == (None, b"")
        assert process.returncode == 0
    for name in ("blog", "blog2"):
        load_artifact(tmp_path / name)
        assert _run(f"import {name}; print({name}.Prisma().user)", tmp_path).startswith("<")
    assert {path.name for path in tmp_path.iterdir()} == {"schema.prisma", "blog", "blog2"}


def test_an_interrupted_run_leaves_a_client_whole_or_not_generated(
    schema: Path, tmp_path: Path
) -> None:
    client = generate(schema, output=tmp_path / "blog")
    chance = random.Random(7)
    for turn in range(5):
        schema.write_text(BLOG + f"\nmodel Turn{turn} {{\n  id Int @id\n}}\n")
        process = _start(schema, client)
        time.sleep(chance.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        shown = _run("import blog; print(hasattr(blog, 'models') and blog.models.User)", tmp_path)
        assert shown in ("<class 'blog.models.User'>", "False")
    generate(schema, output=client)
    load_artifact(client)
    assert _run("import blog; print(blog.Prisma().turn4)", tmp_path).startswith("<")
    assert {path.name for path in tmp_path.iterdir()} == {"schema.prisma", "blog"}
