"""The video index at Twelve Labs.

client.py       TwelveLabs: what is asked of its interface
connection.py   requests: sent, tried again, their errors told apart
limiter.py      no more of them than Twelve Labs takes
wire.py         what it answers
errors.py       what goes wrong
"""

from __future__ import annotations

from .client import TwelveLabs
from .connection import Connection
from .errors import TwelveLabsError

__all__ = ["Connection", "TwelveLabs", "TwelveLabsError"]
