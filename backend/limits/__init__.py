"""How many requests a caller may make in a time.

service.py   Limits: whether a caller is within the limit of a class of requests
window.py    what a caller has used of a limit
memory.py    the counters of one process
redis.py     the counters of several processes, in Redis
"""

from __future__ import annotations

from .service import FAILURES, Limits, RateClass, make_limits

__all__ = ["FAILURES", "Limits", "RateClass", "make_limits"]
