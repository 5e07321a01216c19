"""Records on their way out of the database and in again.

export.py       the records that filters name, streamed
forms.py        how an export writes them; csv_form.py: as CSV
files.py        a file that is whole, or not there
"""

from __future__ import annotations

from .export import ExportService
from .files import whole_file
from .forms import FORMS, Format

__all__ = ["FORMS", "ExportService", "Format", "whole_file"]
