from __future__ import annotations

from tests.owned_statements import each_statement_says_whose_rows

__all__ = ["each_statement_says_whose_rows"]
