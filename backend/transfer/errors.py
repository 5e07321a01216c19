"""What is wrong with a backup, or in the way of it, in words for the person at the terminal."""

from __future__ import annotations


class BackupError(Exception):
    pass
