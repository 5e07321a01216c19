"""The service: `uvicorn backend.main:app`, or `create_app(settings)` for one's own settings."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from backend.core.config import Settings, load_settings
from backend.core.errors import StartupError
from backend.core.lifespan import PlainStartupErrors, lifespan
from backend.http import docs_pages
from backend.http.fastapi_internals import NO_TELEMETRY
from backend.http.pipeline import Pipeline
from backend.http.steps.hosts import allowed_hosts
from backend.limits import make_limits
from backend.routers import (
    audit,
    backup,
    bulk,
    context,
    duplicates,
    export,
    health,
    history,
    importing,
    keys,
    lookup,
    names,
    openapi,
    recall,
    search,
    stats,
    streams,
    sync,
    twelvelabs_webhook,
    uploads,
    video_analysis,
    whoami,
)
from backend.services import services_of
from backend.transfer import ImportTurns
from backend.twelvelabs import MOST_WEBHOOK_BYTES


class Service(FastAPI):
    """FastAPI, behind the pipeline in place of its stack of middlewares."""

    calls_directly = True

    def build_middleware_stack(self) -> ASGIApp:
        settings: Settings = self.state.settings
        return PlainStartupErrors(
            Pipeline(
                self,
                hosts=allowed_hosts(settings.allowed_hosts, bound=settings.host),
                origins=settings.allowed_origins,
                max_body_bytes=settings.max_body_bytes,
                max_body_bytes_of={
                    importing.PATH: settings.import_max_bytes,
                    uploads.PATH: settings.twelvelabs_upload_max_bytes + uploads.FORM_BYTES,
                    twelvelabs_webhook.PATH: min(settings.max_body_bytes, MOST_WEBHOOK_BYTES),
                },
                access=self.state.access,
                limits=self.state.limits,
                proxies=settings.forwarded_allow_ips,
                calls_directly=self.calls_directly,
                note_read=self.state.note_read,
            )
        )


def create_app(settings: Settings | None = None) -> Service:
    settings = settings or load_settings()
    app = Service(
        title="Memory Mirror",
        description=openapi.DESCRIPTION,
        version=version("memory-mirror"),
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        redirect_slashes=False,  # ApiRoute answers both; a CORS preflight follows no redirect
    )
    app.state.settings = settings
    services = services_of(settings)
    app.state.database = services.database
    app.state.search = services.search
    app.state.context = services.context
    app.state.history = services.history
    app.state.audit = services.audit
    app.state.access = services.access
    app.state.duplicates = services.duplicates
    app.state.exports = services.exports
    app.state.backups = services.backups
    app.state.followers = services.followers
    app.state.recall = services.recall
    app.state.sync = services.sync
    app.state.streams = services.streams
    app.state.uploads = services.uploads
    app.state.webhooks = services.webhooks
    app.state.imports = ImportTurns()
    app.state.limits = make_limits(
        settings.rate_limits,
        store_url=settings.rate_limit_store.get_secret_value(),
        refuses_without_store=settings.rate_limit_store_down == "closed",
    )
    app.state.note_read = services.reads.note if settings.audit_reads else None
    # As they are: include_router would compile their paths anew and match each request twice.
    for module in (
        video_analysis, history, audit, lookup, search, recall, context, names, duplicates, stats,
        importing, bulk, export, backup, sync, streams, uploads, twelvelabs_webhook, keys, whoami,
        health,
    ):  # fmt: skip
        app.router.routes.extend(module.router.routes)
    docs_pages.install(app, is_open=settings.docs_open)
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
