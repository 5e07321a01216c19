"""/docs and /redoc from files of an installed package: no page asks another host for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from backend.http.routes import A_CALLER, NOTHING, ApiRoute, open_to_all

ASSETS = "/docs/assets"
OPENAPI = "/openapi.json"


def install(app: FastAPI, *, is_open: bool) -> None:
    """`is_open`: they need no key. The assets, which anybody can fetch from PyPI, need none."""
    for path, endpoint in _PAGES.items():
        route = ApiRoute(path, endpoint, include_in_schema=False, response_class=Response)
        route.needs = NOTHING if is_open else A_CALLER
        app.router.routes.append(route)
    app.mount(ASSETS, StaticFiles(directory=_asset_folder()), name="docs-assets")


_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def _confined(page: HTMLResponse) -> HTMLResponse:
    """Only its own scripts run in it, and it calls no other host."""
    hashes = (
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _SCRIPT.findall(bytes(page.body))
    )
    page.headers["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {' '.join(hashes)}".strip(),
            "style-src 'self' 'unsafe-inline'",  # both pages style themselves as they run
            "img-src 'self' data:",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        ]
    )
    return page


@open_to_all
async def openapi(request: Request) -> JSONResponse:
    document = request.app.openapi()
    root = request.scope.get("root_path", "").rstrip("/")
    return JSONResponse({**document, "servers": [{"url": root}]} if root else document)


@open_to_all
async def swagger_ui(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    return _confined(
        get_swagger_ui_html(
            openapi_url=root + OPENAPI,
            title=request.app.title,
            swagger_js_url=f"{root}{ASSETS}/swagger/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{ASSETS}/swagger/swagger-ui.css",
            swagger_favicon_url=f"{root}{ASSETS}/fastapi/favicon.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )
    )


@open_to_all
async def redoc(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    return _confined(
        get_redoc_html(
            openapi_url=root + OPENAPI,
            title=request.app.title,
            redoc_js_url=f"{root}{ASSETS}/redoc/redoc.standalone.js",
            redoc_favicon_url=f"{root}{ASSETS}/fastapi/favicon.png",
            with_google_fonts=False,
        )
    )


@open_to_all
async def redoc_logo() -> FileResponse:
    return FileResponse(_asset_folder() / "redoc" / "logo-mini.svg")


_PAGES: dict[str, Callable[..., Any]] = {
    OPENAPI: openapi,
    "/docs": swagger_ui,
    "/redoc": redoc,
    # ReDoc asks for its logo at its page's address and this; the page may have its slash.
    "/redoc/logo-mini.svg": redoc_logo,
    "/redoc//logo-mini.svg": redoc_logo,
}


def _asset_folder() -> Path:
    # Found without an import: the package would bring its own way of serving them.
    package = find_spec("fastapi_standalone_docs")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("static")
