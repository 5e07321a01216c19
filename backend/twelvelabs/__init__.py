"""Twelve Labs' index of the videos, and the worker that keeps the records in step with it.

client.py       TwelveLabs: what is asked of its interface
connection.py   requests: sent, tried again, their errors told apart
limiter.py      no more of them than Twelve Labs takes
wire.py         what it answers
errors.py       what goes wrong
index.py        whose index it is, and whether there is one
recall.py       moments that answer a question; moments.py: of two searches, joined
streams.py      where a video is streamed from
uploads.py      uploads as they are asked for; uploading.py: what the worker does of one
webhooks.py     what Twelve Labs tells by itself; signature.py: whether it is its own
service.py      SyncService: the records in step with the index
worker.py       what runs beside the requests
runs.py         comparisons of the index with the records; reconcile.py: how one is done
videos.py       the videos of the index, as they were last seen
jobs.py         what is to be done, once for each version of a video; held.py: while it is done
describer.py    videos described; answers.py: what is asked, and read of the answer
usage.py        what is asked each day, and the budget
write_back.py   what others have changed here, told to the index
normalizing.py  descriptions that are JSON, made text and fields
sql.py          what the two databases write differently
"""

from __future__ import annotations

from .answers import Prompt
from .client import TwelveLabs
from .connection import Connection
from .errors import TwelveLabsError
from .index import Index
from .jobs import Job, JobLost, Jobs, NewJob
from .normalizing import Normalized, normalized
from .recall import RecallService
from .service import LISTED, Listed, SyncRules, SyncService
from .streams import StreamService
from .uploads import UploadService
from .usage import Budget
from .videos import STATES, State
from .webhooks import MOST_BYTES as MOST_WEBHOOK_BYTES
from .webhooks import WebhookService

__all__ = [
    "LISTED",
    "MOST_WEBHOOK_BYTES",
    "STATES",
    "Budget",
    "Connection",
    "Index",
    "Job",
    "JobLost",
    "Jobs",
    "Listed",
    "NewJob",
    "Normalized",
    "Prompt",
    "RecallService",
    "State",
    "StreamService",
    "SyncRules",
    "SyncService",
    "TwelveLabs",
    "TwelveLabsError",
    "UploadService",
    "WebhookService",
    "normalized",
]
