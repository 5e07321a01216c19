"""The contestants beside ours: each one file, as the users of its tools would write it.

All serve the same four operations on the same paths with the same records, read DATABASE_URL, and
with FLUSH set do not answer a write before it is on the disk, where their database leaves the
choice to its client (SQLite).
"""

from __future__ import annotations
