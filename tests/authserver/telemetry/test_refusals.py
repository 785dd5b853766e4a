"""Each refusal is one line of the log and one in the figures, whoever says no: our rules, or oauthlib."""

import pytest
from django.test import Client as Http

from authserver.telemetry import counts
from tests.people import App, World, post_form

AUTHORIZE, REVOKE = "/oauth/authorize", "/oauth/revoke"
CHALLENGE = "a" * 43
GOOD = {"response_type": "code", "code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.mark.parametrize(
    ("path", "changes", "told"),
    [
        (AUTHORIZE, {"response_mode": "fragment"}, ("invalid_request", "authorize:response_mode")),
        (AUTHORIZE, {"response_type": "token"}, ("unsupported_response_type", "authorize:unsupported_response_type")),
        (AUTHORIZE, {"resource": "https://elsewhere.example/mcp"}, ("invalid_target", "resource:unknown")),
        (AUTHORIZE, {"code_challenge": ""}, ("invalid_request", "authorize:missing_code_challenge")),
        (AUTHORIZE, {"client_id": "unknown"}, ("invalid_client", "client:unknown")),
        (REVOKE, {"token": "x", "client_id": "unknown"}, ("invalid_client", "client:unknown")),
        (REVOKE, {"token": ""}, ("invalid_request", "revoke:invalid_request")),
    ],
)
def test_a_refusal_is_one_line_and_one_count(
    world: World,
    chatgpt: App,
    caplog: pytest.LogCaptureFixture,
    path: str,
    changes: dict[str, str],
    told: tuple[str, str],
) -> None:
    counts.forget()
    asked = {"client_id": chatgpt.client_id, **changes}
    if path == AUTHORIZE:
        Http().get(AUTHORIZE, GOOD | {"redirect_uri": chatgpt.redirect_uri} | asked)
    else:
        post_form(Http(), REVOKE, asked)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused")]
    assert lines == [f"refused {told[0]}: {told[1]}"]
    assert counts.REFUSALS.values == {told: 1}
