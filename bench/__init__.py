"""`make bench`: the service measured beside its peers. See README.md in this folder."""

from __future__ import annotations
