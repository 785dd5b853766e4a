"""Counting: buckets fill again with time, and nothing in memory grows without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resourceserver.limits import RateLimiter, ToolCall, Usage


def test_a_bucket_gives_what_it_holds_and_says_when_the_next_call_may_come():
    limiter = RateLimiter(per_minute=60)
    assert [limiter.take("a", now=0) for _ in range(61)] == [0] * 60 + [1]


def test_a_bucket_fills_again_with_time():
    limiter = RateLimiter(per_minute=60)
    for _ in range(60):
        limiter.take("a", now=0)
    assert [limiter.take("a", now=2) for _ in range(3)] == [0, 0, 1]


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=200))
def test_no_pattern_of_calls_gets_more_than_a_full_bucket_and_the_rate(pauses: list[float]):
    limiter, now, admitted = RateLimiter(per_minute=6), 0.0, 0
    for pause in pauses:
        now += pause
        admitted += limiter.take("a", now=now) == 0
    assert admitted <= 6 + now / 10 + 0.001


def test_a_clock_that_jumps_back_gives_nothing_for_free():
    limiter = RateLimiter(per_minute=1)
    assert limiter.take("a", now=100) == 0
    assert limiter.take("a", now=0) == 60


def test_a_wait_is_never_told_to_be_nothing():
    limiter = RateLimiter(per_minute=60_000)
    assert all(limiter.take("a", now=0) == 0 for _ in range(60_000))
    assert limiter.take("a", now=0) == 1


def test_zero_means_no_limit():
    limiter = RateLimiter(per_minute=0)
    assert not any(limiter.take("a", now=0) for _ in range(1000))


def test_many_keys_do_not_fill_the_memory():
    limiter = RateLimiter(per_minute=1, max_keys=10)
    for number in range(100):
        limiter.take(str(number), now=0)
    assert limiter.take("99", now=0) == 60
    assert limiter.take("0", now=0) == 0


@pytest.mark.parametrize("rows", [1, 10])
def test_many_callers_do_not_fill_the_usage_counts(rows: int):
    usage = Usage(max_rows=rows)
    for number in range(100):
        usage.add(ToolCall("whoami", "r", str(number), "acme", "c"))
    assert [call.person for call in usage.snapshot()] == [str(number) for number in range(100 - rows, 100)]
