"""What routes are handed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from backend.access import AccessService
from backend.context import ContextService
from backend.core.caller import Caller, asking
from backend.duplicates import DuplicateService
from backend.history import AuditService, HistoryService
from backend.records import DatabaseService
from backend.search import SearchService
from backend.transfer import BackupService, ExportService
from backend.twelvelabs import (
    RecallService,
    StreamService,
    SyncService,
    UploadService,
    WebhookService,
)


async def _database(request: Request) -> DatabaseService:
    service: DatabaseService = request.app.state.database
    return service


async def _history(request: Request) -> HistoryService:
    service: HistoryService = request.app.state.history
    return service


async def _audit(request: Request) -> AuditService:
    service: AuditService = request.app.state.audit
    return service


async def _search(request: Request) -> SearchService:
    service: SearchService = request.app.state.search
    return service


async def _context(request: Request) -> ContextService:
    service: ContextService = request.app.state.context
    return service


async def _access(request: Request) -> AccessService:
    service: AccessService = request.app.state.access
    return service


async def _duplicates(request: Request) -> DuplicateService:
    service: DuplicateService = request.app.state.duplicates
    return service


async def _exports(request: Request) -> ExportService:
    service: ExportService = request.app.state.exports
    return service


async def _backups(request: Request) -> BackupService:
    service: BackupService = request.app.state.backups
    return service


async def _recall(request: Request) -> RecallService:
    service: RecallService = request.app.state.recall
    return service


async def _sync(request: Request) -> SyncService:
    service: SyncService = request.app.state.sync
    return service


async def _streams(request: Request) -> StreamService:
    service: StreamService = request.app.state.streams
    return service


async def _uploads(request: Request) -> UploadService:
    service: UploadService = request.app.state.uploads
    return service


async def _webhooks(request: Request) -> WebhookService:
    service: WebhookService = request.app.state.webhooks
    return service


async def _caller() -> Caller:
    caller = asking.get()
    assert caller is not None  # or the route would have refused the request
    return caller


Database = Annotated[DatabaseService, Depends(_database)]
History = Annotated[HistoryService, Depends(_history)]
Audit = Annotated[AuditService, Depends(_audit)]
Search = Annotated[SearchService, Depends(_search)]
Context = Annotated[ContextService, Depends(_context)]
Access = Annotated[AccessService, Depends(_access)]
Duplicates = Annotated[DuplicateService, Depends(_duplicates)]
Exports = Annotated[ExportService, Depends(_exports)]
Backups = Annotated[BackupService, Depends(_backups)]
Recalls = Annotated[RecallService, Depends(_recall)]
Sync = Annotated[SyncService, Depends(_sync)]
Streams = Annotated[StreamService, Depends(_streams)]
Uploads = Annotated[UploadService, Depends(_uploads)]
Webhooks = Annotated[WebhookService, Depends(_webhooks)]
Asking = Annotated[Caller, Depends(_caller)]
