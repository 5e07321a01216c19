"""The service: `uvicorn backend.main:app`, or `create_app(settings)` for one's own settings."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from backend.core import docs_pages, openapi, problems
from backend.core.body_limit import BodyLimit
from backend.core.config import Settings, load_settings
from backend.core.cors import Cors
from backend.core.database import DatabaseService
from backend.core.errors import StartupError
from backend.core.fast_lane import FastLane
from backend.core.lifespan import PlainStartupErrors, lifespan
from backend.core.request_log import RequestLog
from backend.routers import health, lookup, names, search, stats, video_analysis


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or load_settings()
    app = FastAPI(
        title="Memory Mirror",
        description=openapi.DESCRIPTION,
        version=version("memory-mirror"),
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # ApiRoute answers both; a CORS preflight follows no redirect
        middleware=[  # the first is the outermost
            Middleware(PlainStartupErrors),
            Middleware(RequestLog),
            Middleware(Cors, origins=settings.allowed_origins),
            Middleware(problems.UnexpectedErrors),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes),
            Middleware(FastLane),
        ],
    )
    app.state.settings = settings
    app.state.database = DatabaseService(
        settings.database_url.get_secret_value(),
        max_description_length=settings.max_description_length,
    )
    # As they are: include_router would compile their paths anew and match each request twice.
    for router in (
        video_analysis.router,
        lookup.router,
        search.router,
        names.router,
        stats.router,
        health.router,
    ):
        app.router.routes.extend(router.routes)
    docs_pages.install(app)
    problems.install(app)
    openapi.install(app, max_description_length=settings.max_description_length)
    return app


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
