"""Videos whose descriptions say the same: found, dismissed, and joined into one.

service.py        DuplicateService, which the endpoints and commands call
listing.py        pages of groups; groups.py: the groups of some clusters
index.py          the index of an owner, kept up by following the change log
change.py         what a portion of changed records changes in it
clusters.py       texts that are held together by pairs
fingerprints.py   what a text says: shingles, MinHash, similarity
sql.py            the SQL that Prisma cannot express
"""

from __future__ import annotations

from .change import LEAST_SIMILARITY
from .service import DuplicateService

__all__ = ["LEAST_SIMILARITY", "DuplicateService"]
