"""The refusals: their codes, and what may stand in a challenge."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resourceserver.challenges import Challenger, bearer, rate_limited, temporarily_unavailable

METADATA = "http://127.0.0.1:8001/.well-known/oauth-protected-resource/mcp"
CHALLENGER = Challenger(METADATA, ("mcp.connect", "skills.read"))


@pytest.mark.covers("RS-17", "RS-18")
def test_a_challenge_without_credentials_has_no_error():
    refusal = CHALLENGER.missing_bearer_token()
    value = f'Bearer resource_metadata="{METADATA}", scope="mcp.connect skills.read"'
    assert refusal.headers == (("WWW-Authenticate", value),)
    assert json.loads(refusal.body())["error"] == "missing_bearer_token"


@given(st.text())
@pytest.mark.covers("RF-18")
def test_a_description_never_leaves_its_quotes(description: str):
    value = bearer(metadata_url=METADATA, scopes=["a"], error="invalid_token", description=description)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') in (6, 8)
    assert "\\" not in value


@pytest.mark.parametrize("scope", ['a"b', "a b", "a\\b", "a\nb", "", "ä"])
def test_a_scope_that_could_break_a_challenge_is_refused(scope: str):
    with pytest.raises(ValueError, match="scope"):
        bearer(metadata_url=METADATA, scopes=[scope])


@pytest.mark.parametrize("url", ['https://a/"', "https://a/\r\nX: y", "ftp://a/", "", "https://ä/"])
def test_a_metadata_url_that_could_break_a_challenge_is_refused(url: str):
    with pytest.raises(ValueError, match="metadata URL"):
        bearer(metadata_url=url, scopes=["a"])


def test_a_scope_challenge_names_all_that_is_needed_and_the_sentence_what_is_missing():
    refusal = CHALLENGER.insufficient_scope(needed=("mcp.connect", "links.write"), missing=("links.write",))
    assert 'scope="mcp.connect links.write"' in refusal.headers[0][1]
    assert refusal.description == "Not approved yet: links.write."


def test_an_unreachable_authorization_server_makes_no_challenge():
    assert [name for name, _ in temporarily_unavailable().headers] == ["Retry-After"]


def test_too_many_requests_say_when_to_come_back():
    assert rate_limited(7).headers == (("Retry-After", "7"),)
