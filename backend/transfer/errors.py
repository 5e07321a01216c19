"""What is wrong with a file.

LineTooLong       413, of one line; the others are read
ImportTooLarge    413, the rest is not read
Unreadable        422, the rest cannot be read
ImportsRunning    503, with Retry-After: as many run as may
AllOwnersNeeded   403, of a backup that who asks may not have
BackupRunning     429, with Retry-After: one runs already
NoBackup          503, with Retry-After: the database cannot be read
BackupError       of a backup, in words for the person at the terminal
"""

from __future__ import annotations

from collections.abc import Mapping

from backend.core.errors import RETRY_SOON, ServiceError


class LineTooLong(ServiceError):
    status = 413
    kind = "line-too-long"
    title = "Line too long"

    def __init__(self, limit: int) -> None:
        super().__init__(f"One line, or one record, may have at most {limit} bytes.")


class ImportTooLarge(ServiceError):
    status = 413
    kind = "import-too-large"
    title = "Import too large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An import may have at most {limit} bytes, unpacked.")


class Unreadable(ServiceError):
    status = 422
    kind = "import-unreadable"
    title = "Import unreadable"


class ImportsRunning(ServiceError):
    status = 503
    kind = "imports-running"
    title = "Imports running"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("As many imports run as may run at once. Try again later.")


class AllOwnersNeeded(ServiceError):
    status = 403
    kind = "all-owners-needed"
    title = "All owners needed"

    def __init__(self) -> None:
        super().__init__("A backup has all owners: it needs a key that acts for *.")


class BackupRunning(ServiceError):
    status = 429
    kind = "backup-running"
    title = "Backup running"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("A backup is being made. Ask again when it has ended.")


class NoBackup(ServiceError):
    status = 503
    kind = "no-backup"
    title = "No backup"
    headers: Mapping[str, str] = RETRY_SOON


class BackupError(Exception):
    pass
