"""The service: `uvicorn backend.main:app`, or `create_app(settings)` for one's own settings."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from backend.core.config import Settings, load_settings
from backend.core.database import DatabaseService
from backend.core.errors import StartupError
from backend.core.lifespan import PlainStartupErrors, lifespan
from backend.http import docs_pages, openapi, problems
from backend.http.pipeline import FastLane
from backend.http.steps.access_log import RequestLog
from backend.http.steps.body_limit import BodyLimit
from backend.http.steps.cors import Cors
from backend.routers import context, health, lookup, names, search, stats, video_analysis


class Service(FastAPI):
    fast_lane: FastLane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fast_lane is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            await self.fast_lane(scope, receive, send)


def create_app(settings: Settings | None = None) -> Service:
    settings = settings or load_settings()
    app = Service(
        title="Memory Mirror",
        description=openapi.DESCRIPTION,
        version=version("memory-mirror"),
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,  # ApiRoute answers both; a CORS preflight follows no redirect
        middleware=[  # the first is the outermost
            Middleware(PlainStartupErrors),
            Middleware(RequestLog),
            Middleware(Cors, origins=settings.allowed_origins),
            Middleware(problems.UnexpectedErrors),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes),
        ],
    )
    app.fast_lane = FastLane(
        app,
        super(Service, app).__call__,
        origins=settings.allowed_origins,
        max_body_bytes=settings.max_body_bytes,
    )
    app.state.settings = settings
    app.state.database = DatabaseService(
        settings.database_url.get_secret_value(),
        max_description_length=settings.max_description_length,
    )
    # As they are: include_router would compile their paths anew and match each request twice.
    for module in (video_analysis, lookup, search, context, names, stats, health):
        app.router.routes.extend(module.router.routes)
    docs_pages.install(app)
    problems.install(app)
    openapi.install(app, max_description_length=settings.max_description_length)
    return app


# FastAPI would ask for three providers of OpenTelemetry at each request.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def __getattr__(name: str) -> Any:
    """`app`, made from the environment when it is first asked for: an import reads no settings."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        app = create_app()
    except StartupError as error:
        raise SystemExit(str(error)) from error
    globals()["app"] = app
    return app
