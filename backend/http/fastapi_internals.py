"""All that is taken from FastAPI and Starlette beyond their public interface, for fastapi 0.165.

tests/http/test_fastapi_internals.py names what changed when another version breaks it.
"""

from __future__ import annotations

from fastapi._compat import ModelField
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

__all__ = [
    "NO_TELEMETRY",
    "DefaultPlaceholder",
    "Dependant",
    "ModelField",
    "embeds_body",
    "get_flat_params",
    "with_exit_stack",
]

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI would look for three providers of OpenTelemetry at each request."""


def with_exit_stack(app: ASGIApp) -> ASGIApp:
    """The one middleware that FastAPI's request handler needs around it."""
    return AsyncExitStackMiddleware(app)


def embeds_body(route: APIRoute) -> bool:
    """Whether the body is an object with a key for each of several body parameters."""
    return bool(route._embed_body_fields)
