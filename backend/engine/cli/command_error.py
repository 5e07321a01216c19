"""What a command reports as an expected failure."""

from __future__ import annotations


class CommandError(Exception):
    """An expected failure, told in words that say what cures it. Ends the process with `code`."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
