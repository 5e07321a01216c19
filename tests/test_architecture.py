"""docs/architecture.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_file_that_it_names_exists() -> None:
    named = re.findall(r"`((?:backend|tests|prisma|docs)/[\w./-]*)`", PAGE)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_it_draws_every_package() -> None:
    drawing = PAGE.partition("```")[2].partition("```")[0]
    drawn = set(re.findall(r"^  (\w+)/ ", drawing, re.MULTILINE)) | {"commands"}
    packages = {path.parent.name for path in (ROOT / "backend").glob("*/__init__.py")}
    assert drawn == packages


def test_it_lists_every_step_of_the_pipeline() -> None:
    steps = {path.name for path in (ROOT / "backend/http/steps").glob("[!_]*.py")}
    assert {name for name in steps if f"steps/{name}`" not in PAGE} == set()


def test_the_pipeline_lists_its_steps_in_order() -> None:
    docstring = (ROOT / "backend/http/pipeline.py").read_text("utf-8").partition('"""\n\n')[0]
    page = PAGE.partition("## A request")[2].partition("## A read")[0]
    listed = re.findall(r"^ {4}\d+  (\w+)", docstring, re.MULTILINE)
    assert (
        re.findall(r"^\| [\w ,]+ \| `backend/http/(?:steps/)?(\w+)\.py` \|", page, re.M) == listed
    )
