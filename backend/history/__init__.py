"""What was stored before, who changed it, and that nobody altered what is said of it.

service.py        HistoryService: the versions of each record, read and brought back
audit.py          AuditService: the change log, filtered and exported
change_log.py     rows of the change log, in their order
diff.py           what differs between two versions
digests.py        the digest of each row
seals.py          a hash chain over the rows; verification.py: whether it still agrees
pruning.py        images that are long past are let go
reads.py          who has read what
following.py      Following: the log, for what is done elsewhere
followers.py      what follows the log beside the requests
"""

from __future__ import annotations

from .audit import AuditFilters, AuditService
from .change_log import SETTLED
from .followers import Followers, remember_position, whose_changes
from .following import Change, Following
from .pruning import Keep, Pruning
from .reads import ReadLog
from .service import HistoryService
from .verification import Verified

__all__ = [
    "SETTLED",
    "AuditFilters",
    "AuditService",
    "Change",
    "Followers",
    "Following",
    "HistoryService",
    "Keep",
    "Pruning",
    "ReadLog",
    "Verified",
    "remember_position",
    "whose_changes",
]
