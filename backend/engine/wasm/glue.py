"""Reads the JavaScript glue that wasm-bindgen writes beside a module.

The names of a module's imports carry hashes that change from build to build
(`__wbg_set_3f1d0b984ed272ed`); what an import *does* is said by its body in the glue. So imports
are known by their bodies, and the glue is the one source for which name has which body.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_FUNCTION = re.compile(
    r"^(?:export function (?P<esm>\w+)|exports\.(?P<cjs>\w+) = function|function (?P<local>\w+))"
    r"\((?P<parameters>[^)]*)\) \{(?P<body>.*?)(?:^|(?<=, arguments\) ))\};?$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT_LINE = re.compile(r"^\s*//.*$", re.MULTILINE)
_CATCHING = re.compile(r"return handleError\(function \((.*?)\) \{ (.*) \}, arguments\)")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\b(?=\(|,|\))")


@dataclass(frozen=True)
class GlueFunction:
    """One function of the glue; `body` is its text with comments and extra space taken out."""

    name: str
    parameters: tuple[str, ...]
    body: str
    #: Wrapped in `handleError`: an exception is stored for Rust, not thrown through it.
    catches: bool


class Glue:
    """The functions of one glue file: those that the module may import, and their helpers."""

    def __init__(self, text: str) -> None:
        self.functions: dict[str, GlueFunction] = {}
        self.helpers: dict[str, GlueFunction] = {}
        for found in _FUNCTION.finditer(text):
            name = found["esm"] or found["cjs"] or found["local"]
            function = _function(name, found["parameters"], found["body"])
            (self.helpers if found["local"] else self.functions)[name] = function

    def helpers_of(self, function: GlueFunction) -> dict[str, GlueFunction]:
        """The helpers that `function` uses, directly or through other helpers."""
        used: dict[str, GlueFunction] = {}
        if function.catches:
            missing = GlueFunction("handleError", (), "", catches=False)
            used["handleError"] = self.helpers.get("handleError", missing)
        pending = [function, *used.values()]
        while pending:
            for name in _CALLED.findall(pending.pop().body):
                if name in self.helpers and name not in used:
                    used[name] = self.helpers[name]
                    pending.append(self.helpers[name])
        return used


def find_glue(wasm: Path) -> Path:
    """The glue of `name_bg.wasm`: `name_bg.js`, or `name.js` where all is in one file."""
    beside = wasm.with_suffix(".js")
    return beside if beside.exists() else beside.with_name(wasm.stem.removesuffix("_bg") + ".js")


def digest(helper: GlueFunction) -> str:
    """A short name for exactly this text of a helper."""
    text = f"({', '.join(helper.parameters)}) {helper.body}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _function(name: str, parameters: str, body: str) -> GlueFunction:
    text = " ".join(_COMMENT_LINE.sub("", body).split())
    catching = _CATCHING.fullmatch(text)
    if catching:
        parameters, text = catching.groups()
    names = tuple(part.strip() for part in parameters.split(",") if part.strip())
    return GlueFunction(name, names, text, catching is not None)
