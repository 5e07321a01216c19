"""hypothesis draws the calls that `generated.py` makes up, and shrinks one that differs.

The same seed draws the same calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure, HypothesisWarning

from oracle.calls import Case
from oracle.generated import Walk

ROUND = 200


class Differs(Exception):
    def __init__(self, case: Case) -> None:
        super().__init__(str(case))
        self.case = case


def explore(
    walk: Walk, schema: str, wanted: int, seed_: int, agrees: Callable[[Case], bool]
) -> tuple[int, Case | None]:
    """Draw until `wanted` different cases agreed, or one does not: that one is returned, as small
    as hypothesis can make it. `agrees` runs the case on both sides."""
    known: dict[str, bool] = {}

    def check(data: st.DataObject) -> None:
        walk.pick = lambda options: options[data.draw(st.integers(0, len(options) - 1))]
        case = walk.case(schema)
        key = case.key()
        if key not in known:
            if len(known) >= wanted and all(known.values()):
                return
            known[key] = agrees(case)
        if not known[key]:
            raise Differs(case)

    round_ = 0
    while len(known) < wanted:
        property_ = settings(
            max_examples=ROUND,
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )(seed(seed_ * 1000 + round_)(given(st.data())(check)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)
                property_()
        except Differs as found:
            return len(known), found.case
        except FlakyFailure as flaky:
            differing = [error for error in flaky.exceptions if isinstance(error, Differs)]
            if not differing:
                raise
            return len(known), differing[0].case
        round_ += 1
    return len(known), None
