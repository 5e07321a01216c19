"""Descriptions packed into the tokens that a conversation has for them."""

from __future__ import annotations

from .service import ContextService

__all__ = ["ContextService"]
