"""Text to words to terms, the same for what is stored and what is searched. Imports nothing of
ours."""

from __future__ import annotations
