"""Folders of the platform's cache that hold what this process will run: ours alone, or not used."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where the engine's caches lie, for this user."""
    return platformdirs.user_cache_path("memory-mirror", appauthor=False)


def open_private(folder: Path) -> str | None:
    """Make the folder where it is missing; say why it must not be used, or None if it may be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    if not stat.S_ISDIR(status.st_mode):
        return f"{folder} is not a folder"
    if os.name == "nt":  # The user's profile is private by its access control list.
        return None
    if status.st_uid != os.geteuid():
        return f"{folder} belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write in {folder}; it must have mode 0700"
    return None
