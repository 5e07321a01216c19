"""What routes are handed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from backend.core.database import DatabaseService


async def _database(request: Request) -> DatabaseService:
    service: DatabaseService = request.app.state.database
    return service


Database = Annotated[DatabaseService, Depends(_database)]
