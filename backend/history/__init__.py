"""What was stored before: the versions of each record, read from the change log and brought back.

service.py      HistoryService, which the endpoints call
change_log.py   rows of the change log, in their order
images.py       a version of a record, of what the log keeps of it
diff.py         what differs between two versions
"""

from __future__ import annotations

from .service import HistoryService

__all__ = ["HistoryService"]
