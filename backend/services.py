"""The services over one database, made in one place for the application and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from backend.access import AccessRules, AccessService, TokenRules
from backend.context import ContextService
from backend.core.config import Settings
from backend.duplicates import DuplicateService
from backend.history import AuditService, Followers, HistoryService, Keep, Pruning, ReadLog
from backend.records import DatabaseService
from backend.search import SearchService
from backend.transfer import ExportService

KEEP = Keep()
DUPLICATES_REST = 1
"""Most of a portion's work is done in threads, beside the event loop; and of very many records that
there are already, the first index is to be made within minutes."""
CLOSED = AccessRules("required")


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
    followers: Followers
    """They begin when they are started."""


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
) -> Services:
    database = DatabaseService(
        url,
        max_description_length=max_description_length,
        outcomes_kept=outcomes_kept,
        quota_records=quota_records,
        quota_bytes=quota_bytes,
    )
    search = SearchService(database)
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
        Followers(
            database,
            (audit.seal, pruning.by_number, pruning.by_age, duplicates.follow),
            seconds=follow_seconds,
            rests={duplicates.follow: DUPLICATES_REST},
        ),
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
