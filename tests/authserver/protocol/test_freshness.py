"""How long a document serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol import freshness

LEAST, MOST, PLAIN = (
    policy.DOCUMENT_AGE_MIN_SECONDS,
    policy.DOCUMENT_AGE_MAX_SECONDS,
    policy.DOCUMENT_AGE_DEFAULT_SECONDS,
)
pytestmark = pytest.mark.covers("CM-19")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, PLAIN),
        ({"cache-control": "public"}, PLAIN),
        ({"cache-control": "max-age=900"}, 900),
        ({"cache-control": 'public, MAX-AGE="900"'}, 900),
        ({"cache-control": "max-age=900, s-maxage=1200"}, 1200),
        ({"cache-control": "max-age=900", "age": "300"}, 600),
        ({"cache-control": "max-age=900", "age": "soon"}, 900),
        ({"cache-control": "max-age=0"}, LEAST),
        ({"cache-control": "max-age=900, no-store"}, LEAST),
        ({"cache-control": "no-cache"}, LEAST),
        ({"cache-control": "max-age=99999999999999999999999"}, MOST),
        ({"cache-control": "max-age=-5"}, PLAIN),
        ({"date": "Fri, 20 Nov 2026 12:00:00 GMT", "expires": "Fri, 20 Nov 2026 12:20:00 GMT"}, 1200),
        ({"date": "Fri, 20 Nov 2026 12:00:00 GMT", "expires": "0"}, LEAST),
        ({"expires": "Fri, 20 Nov 2026 12:20:00 GMT"}, LEAST),
    ],
)
def test_the_headers_decide_within_bounds(headers: dict[str, str], seconds: int) -> None:
    assert freshness.lifetime_seconds(headers) == seconds


@given(st.dictionaries(st.sampled_from(["cache-control", "age", "expires", "date"]), st.text()))
def test_no_header_leaves_the_bounds(headers: dict[str, str]) -> None:
    assert LEAST <= freshness.lifetime_seconds(headers) <= MOST
