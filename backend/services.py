"""The services over one database, made in one place for the application and the commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from backend.access import AccessRules, AccessService, TokenRules
from backend.context import ContextService
from backend.core.config import Settings
from backend.duplicates import DuplicateService
from backend.history import AuditService, Followers, HistoryService, Keep, Pruning, ReadLog
from backend.records import DatabaseService
from backend.search import SearchService
from backend.transfer import BackupService, ExportService
from backend.twelvelabs import (
    Budget,
    Connection,
    Index,
    Prompt,
    RecallService,
    StreamService,
    SyncRules,
    SyncService,
    TwelveLabs,
    UploadService,
    WebhookService,
)

KEEP = Keep()
DUPLICATES_REST = 1
"""Most of a portion's work is done in threads, beside the event loop; and of very many records that
there are already, the first index is to be made within minutes."""
CLOSED = AccessRules("required")
NO_INDEX = Index(None)
SYNC = SyncRules()


@dataclass(frozen=True, slots=True)
class Services:
    """`database` is connected and disconnected by whoever made them."""

    database: DatabaseService
    search: SearchService
    context: ContextService
    history: HistoryService
    audit: AuditService
    reads: ReadLog
    access: AccessService
    duplicates: DuplicateService
    exports: ExportService
    backups: BackupService
    followers: Followers
    """They begin when they are started."""
    recall: RecallService
    sync: SyncService
    """Its worker begins when it is started."""
    streams: StreamService
    uploads: UploadService
    webhooks: WebhookService


def make_services(
    url: str,
    *,
    max_description_length: int = 65_535,
    outcomes_kept: timedelta = timedelta(hours=24),
    keep: Keep = KEEP,
    follow_seconds: float = 0,
    access: AccessRules = CLOSED,
    quota_records: int = 0,
    quota_bytes: int = 0,
    guards_csv: bool = True,
    index: Index = NO_INDEX,
    recall_seconds: float = 0.8,
    sync: SyncRules = SYNC,
    upload_max_bytes: int = 200 * 10**6,
    webhook_secret: str = "",
) -> Services:
    database = DatabaseService(
        url,
        max_description_length=max_description_length,
        outcomes_kept=outcomes_kept,
        quota_records=quota_records,
        quota_bytes=quota_bytes,
    )
    search = SearchService(database)
    in_step = SyncService(database, index, sync)
    if index.client is not None:
        database.before_disconnect(index.client.close)
    audit = AuditService(database)
    pruning = Pruning(database, keep)
    duplicates = DuplicateService(database)
    return Services(
        database,
        search,
        ContextService(database, search),
        HistoryService(database),
        audit,
        ReadLog(database),
        AccessService(database, access),
        duplicates,
        ExportService(database, guards_csv=guards_csv),
        BackupService(url),
        Followers(
            database,
            (audit.seal, pruning.by_number, pruning.by_age, duplicates.follow),
            seconds=follow_seconds,
            rests={duplicates.follow: DUPLICATES_REST},
        ),
        RecallService(database, search, index, seconds=recall_seconds),
        in_step,
        StreamService(index),
        UploadService(database, index, most_bytes=upload_max_bytes, wake=in_step.wake),
        WebhookService(index, webhook_secret, in_step.noticed),
    )


def services_of(settings: Settings) -> Services:
    return make_services(
        settings.database_url.get_secret_value(),
        max_description_length=settings.max_description_length,
        outcomes_kept=timedelta(hours=settings.idempotency_hours),
        keep=Keep(settings.history_versions, settings.history_days),
        follow_seconds=settings.audit_seal_seconds,
        access=_access_rules(settings),
        quota_records=settings.quota_records,
        quota_bytes=settings.quota_bytes,
        guards_csv=settings.export_csv_guard,
        index=_index(settings),
        recall_seconds=settings.twelvelabs_recall_seconds,
        sync=_sync_rules(settings),
        upload_max_bytes=settings.twelvelabs_upload_max_bytes,
        webhook_secret=settings.twelvelabs_webhook_secret.get_secret_value(),
    )


def _index(settings: Settings) -> Index:
    key = settings.twelvelabs_api_key.get_secret_value()
    if not key:
        return NO_INDEX
    connection = Connection(
        key,
        settings.twelvelabs_index_id,
        settings.twelvelabs_base_url,
        settings.twelvelabs_api,
    )
    return Index(TwelveLabs(connection), settings.twelvelabs_owner)


def _sync_rules(settings: Settings) -> SyncRules:
    default = Prompt()
    schema = settings.twelvelabs_schema
    return SyncRules(
        poll=settings.twelvelabs_poll,
        all_every=settings.twelvelabs_reconcile,
        concurrency=settings.twelvelabs_concurrency,
        lease_seconds=settings.twelvelabs_lease,
        budget=Budget(settings.twelvelabs_daily_minutes, settings.twelvelabs_daily_tokens),
        prompt=Prompt(
            text=settings.twelvelabs_prompt or default.text,
            version=settings.twelvelabs_prompt_version,
            model=settings.twelvelabs_model,
            temperature=settings.twelvelabs_temperature,
            schema=json.loads(schema) if schema else default.schema,
            max_tokens=settings.twelvelabs_max_tokens,
        ),
        writes_back=settings.twelvelabs_write_back,
        longest=settings.max_description_length,
        works=settings.twelvelabs_worker,
    )


def _access_rules(settings: Settings) -> AccessRules:
    secret = settings.jwt_secret.get_secret_value()
    tokens = TokenRules(
        jwks=settings.jwt_jwks,
        secret=secret,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        owner_claim=settings.jwt_owner_claim,
        scope_claim=settings.jwt_scope_claim,
        leeway=settings.jwt_leeway,
    )
    return AccessRules(
        settings.auth,
        settings.host,
        settings.auth_off_i_know,
        settings.keys_secret.get_secret_value(),
        tokens if settings.jwt_jwks or secret else None,
    )
