"""The generated client on this engine: `in_process`, and `JsonRecords` beside it. The top of the
engine: nothing else in it imports this."""

from __future__ import annotations
