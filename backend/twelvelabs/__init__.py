"""Twelve Labs' index of the videos, and the worker that keeps the records in step with it.

jobs.py       what is to be done, once for each version of a video
sql.py        what the two databases write differently
"""

from __future__ import annotations

from .jobs import Job, JobLost, Jobs, NewJob

__all__ = ["Job", "JobLost", "Jobs", "NewJob"]
