"""The counters of one process, on a clock of the test's own."""

from __future__ import annotations

import pytest

from backend.core.errors import RateLimited
from backend.core.rates import Rate
from backend.limits import Limits
from backend.limits.memory import MemoryCounters
from backend.limits.window import Limit, Window

pytestmark = pytest.mark.anyio

LIMIT = Limit("read", 3, 60)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counters(clock: Clock, *, most: int = 10) -> MemoryCounters:
    return MemoryCounters(LIMIT, most=most, clock=clock)


async def test_a_window_begins_with_its_first_request_and_ends_as_a_whole() -> None:
    clock = Clock()
    of_read = counters(clock)
    seen = []
    for now in (1000, 1030, 1059.5, 1060, 1119, 1200):
        clock.now = now
        window = await of_read.hit("a")
        seen.append((window.used, window.seconds_left))
    assert seen == [(1, 60), (2, 30), (3, 0.5), (1, 60), (2, 1), (1, 60)]


async def test_callers_are_counted_apart() -> None:
    of_read = counters(Clock())
    assert [(await of_read.hit(caller)).used for caller in "aabca"] == [1, 2, 1, 1, 3]


async def test_looking_counts_nothing() -> None:
    clock = Clock()
    of_read = counters(clock)
    assert await of_read.look("a") == Window(LIMIT, 0, 0)
    await of_read.hit("a")
    clock.now += 20
    assert [await of_read.look("a") for _ in range(2)] == [Window(LIMIT, 1, 40)] * 2
    clock.now += 40
    assert await of_read.look("a") == Window(LIMIT, 0, 0)


async def test_of_too_many_callers_the_earliest_are_forgotten() -> None:
    of_read = counters(Clock(), most=3)
    for caller in "abc":
        await of_read.hit(caller)
    await of_read.hit("a")  # its window began first all the same
    await of_read.hit("d")
    assert [(await of_read.look(caller)).used for caller in "abcd"] == [0, 1, 1, 1]


async def test_windows_that_have_ended_make_room() -> None:
    clock = Clock()
    of_read = counters(clock)
    for number in range(10):
        await of_read.hit(f"early {number}")
    clock.now += 60
    for number in range(5):
        await of_read.hit(f"late {number}")
    assert len(of_read._windows) == 5
    await of_read.hit("early 9")
    assert (await of_read.look("early 9")).used == 1


@pytest.mark.parametrize(
    ("used", "left", "expected"),
    [
        (1, 59.2, ('"read";r=2;t=60', "2")),
        (3, 0.2, ('"read";r=0;t=1', "0")),
        (9, 30, ('"read";r=0;t=30', "0")),
    ],
)
def test_the_headers(used: int, left: float, expected: tuple[str, str]) -> None:
    headers = dict(Window(LIMIT, used, left).headers())
    assert headers[b"ratelimit-policy"] == b'"read";q=3;w=60'
    assert headers[b"x-ratelimit-limit"] == b"3"
    assert (
        headers[b"ratelimit"].decode(),
        headers[b"x-ratelimit-remaining"].decode(),
    ) == expected


async def test_an_address_whose_keys_fail_is_blocked() -> None:
    clock = Clock()
    limits = Limits({"failures": MemoryCounters(Limit("failures", 2, 60), clock=clock)})
    for _ in range(2):
        await limits.refuse_if_blocked("203.0.113.9")
        await limits.failed("203.0.113.9")
    clock.now += 17.5
    with pytest.raises(RateLimited, match="Try again in 43 seconds") as raised:
        await limits.refuse_if_blocked("203.0.113.9")
    assert raised.value.headers == {"Retry-After": "43"}
    await limits.refuse_if_blocked("203.0.113.10")
    clock.now += 42.5
    await limits.refuse_if_blocked("203.0.113.9")


async def test_without_a_limit_no_address_is_blocked() -> None:
    limits = Limits({})
    for _ in range(100):
        await limits.failed("203.0.113.9")
    await limits.refuse_if_blocked("203.0.113.9")
    assert await limits.hit("read", "203.0.113.9") is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("300/minute", Rate(300, 60)),
        ("10 per 5 seconds", Rate(10, 5)),
        ("10/5 second", Rate(10, 5)),
        (" 1 / Hour ", Rate(1, 3600)),
        ("1000/2days", Rate(1000, 172_800)),
        ("", None),
        ("0", None),
    ],
)
def test_limits_as_settings_say_them(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "300", "300/", "/minute", "300/fortnight", "-1/minute", "0/minute", "1/0 minutes",
        "1/minute;2/hour", "1perminute", "1.5/minute", "10000000000/day", "1/32 days",
        "\u0661/minute",
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        Rate.parse(text)
