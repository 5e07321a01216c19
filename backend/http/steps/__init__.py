"""The steps of the pipeline, one file each: see backend/http/pipeline.py for their order."""

from __future__ import annotations
