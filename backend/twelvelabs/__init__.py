"""Twelve Labs' index of the videos, and the worker that keeps the records in step with it.

client.py       TwelveLabs: what is asked of its interface
connection.py   requests: sent, tried again, their errors told apart
limiter.py      no more of them than Twelve Labs takes
wire.py         what it answers
errors.py       what goes wrong
index.py        whose index it is, and whether there is one
recall.py       moments that answer a question; moments.py: of two searches, joined
jobs.py         what is to be done, once for each version of a video
sql.py          what the two databases write differently
"""

from __future__ import annotations

from .client import TwelveLabs
from .connection import Connection
from .errors import TwelveLabsError
from .index import Index
from .jobs import Job, JobLost, Jobs, NewJob
from .recall import RecallService

__all__ = [
    "Connection",
    "Index",
    "Job",
    "JobLost",
    "Jobs",
    "NewJob",
    "RecallService",
    "TwelveLabs",
    "TwelveLabsError",
]
