"""Descriptions packed into the tokens that a conversation has for them."""

from __future__ import annotations
