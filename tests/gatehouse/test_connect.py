"""What the command prints when all is well, what it says of the client, and to whom it says it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

import pytest

from tests import house
from tests.gatehouse.conftest import CALLBACK, Run
from tests.gatehouse.deployment import AS_METADATA, MCP, REGISTER, RS_METADATA, Deployment, Reply
from tests.house import ROOT

LOOPBACK = "http://127.0.0.1/callback"


@pytest.mark.covers("req:C4")
def test_five_values_are_printed_and_no_secret(deployment: Deployment, run: Run) -> None:
    ran = run("--handle", "@Acme", "--redirect-uri", CALLBACK, "--redirect-uri", LOOPBACK,
              GATEHOUSE_ISSUER=deployment.origin)  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"MCP server URL        {deployment.origin}/mcp/acme/mcp",
        f"Authorization server  {deployment.origin}",
        "Client ID             c-1",
        f"Redirect URIs         {CALLBACK}",
        f"                      {LOOPBACK}",
        "Default scopes        mcp.connect skills.read",
    ]


def test_programs_get_the_same_as_json(deployment: Deployment, run: Run) -> None:
    ran = run("--url", deployment.url, "--json")
    assert json.loads(ran.out) == {
        "mcp_server_url": deployment.url,
        "authorization_server": deployment.origin,
        "client_id": "c-1",
        "redirect_uris": [CALLBACK],
        "default_scopes": ["mcp.connect", "skills.read"],
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), {"client_name": "chatgpt.com", "token_endpoint_auth_method": "none", "application_type": "web"}),
        (("--name", "Desk"), {"client_name": "Desk"}),
        (("--redirect-uri", LOOPBACK), {"client_name": None, "application_type": "native"}),
        (("--redirect-uri", "cursor://x/y", "--redirect-uri", CALLBACK), {"application_type": "native"}),
        (("--redirect-uri", CALLBACK, "--redirect-uri", CALLBACK), {"redirect_uris": [CALLBACK]}),
        (("--confidential",), {"token_endpoint_auth_method": "client_secret_post"}),
    ],
)
def test_the_client_says_of_itself_what_it_is(
    deployment: Deployment, run: Run, arguments: tuple[str, ...], said: dict[str, object]
) -> None:
    assert run("--url", deployment.url, *arguments).status == 0
    (heard,) = deployment.registered
    assert {name: heard.get(name) for name in said} == said
    assert heard["grant_types"] == ["authorization_code", "refresh_token"]


def test_a_secret_is_printed_once_and_only_of_a_confidential_client(deployment: Deployment, run: Run) -> None:
    ran = run("--url", deployment.url, "--confidential")
    assert (ran.out + ran.err).count("mcs_once") == 1
    assert "mcr_hidden" not in ran.out + ran.err
    deployment.answers[REGISTER] = lambda handler: deployment.register(handler, client_secret="mcs_unasked")
    assert "mcs_unasked" not in run("--url", deployment.url).out


def test_the_initial_access_token_goes_to_the_registration_and_nowhere_else(deployment: Deployment, run: Run) -> None:
    ran = run("--gateway", "--issuer", deployment.origin, GATEHOUSE_TOKEN="mci_secret")
    assert ran.status == 0
    carrying = [what for what, headers in deployment.requests if "mci_secret" in str(headers)]
    assert carrying == [REGISTER]
    assert "mci_secret" not in ran.out


def test_a_token_that_the_server_repeats_is_not_printed(deployment: Deployment, run: Run) -> None:
    echo = {"error": "invalid_client_metadata", "error_description": "mci_secret is not good here"}
    deployment.answers[REGISTER] = Reply(400, echo)
    ran = run("--gateway", "--issuer", deployment.origin, "--token", "mci_secret")
    assert "is not good here" in ran.err
    assert "mci_secret" not in ran.out + ran.err


def test_a_scope_that_would_move_the_cursor_does_not(deployment: Deployment, run: Run) -> None:
    deployment.reply(MCP).headers = {"WWW-Authenticate": "Bearer"}
    deployment.document(RS_METADATA)["scopes_supported"] = ["\x1b[2Jmcp.connect", "\u202eskills.read"]
    assert "?[2Jmcp.connect ?skills.read\n" in run("--url", deployment.url).out


def test_clients_find_the_metadata_without_a_pointer_to_it(deployment: Deployment, run: Run) -> None:
    """At the well-known path, else at the root; and redirected within the origin."""
    deployment.reply(MCP).headers = {"WWW-Authenticate": 'Negotiate, BEARER realm="x"'}
    assert "Default scopes        links.read" in run("--url", deployment.url).out
    deployment.answers["GET /.well-known/oauth-protected-resource"] = deployment.answers[RS_METADATA]
    deployment.answers[RS_METADATA] = Reply(404)
    deployment.answers["GET /moved"] = deployment.answers[AS_METADATA]
    deployment.answers[AS_METADATA] = Reply(302, b"", {"Location": "/moved"})
    assert run("--url", deployment.url).status == 0
    assert deployment.asked[-2:] == ["GET /moved", REGISTER]


def test_an_issuer_with_a_path_has_its_metadata_between_host_and_path(deployment: Deployment, run: Run) -> None:
    issuer = f"{deployment.origin}/tenant"
    deployment.document(RS_METADATA)["authorization_servers"] = [issuer]
    deployment.document(AS_METADATA)["issuer"] = issuer
    deployment.answers["GET /tenant/.well-known/openid-configuration"] = deployment.answers.pop(AS_METADATA)
    assert run("--url", deployment.url, "--issuer", issuer).status == 0
    assert [each for each in deployment.asked if "tenant" in each] == [
        "GET /.well-known/oauth-authorization-server/tenant",
        "GET /.well-known/openid-configuration/tenant",
        "GET /tenant/.well-known/openid-configuration",
    ]


def test_the_package_stands_alone() -> None:
    """It runs without any package that is not Python's, and its package file says so."""
    project = tomllib.loads((ROOT / "gatehouse/pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []
    assert project["scripts"] == {"gatehouse": "gatehouse.command:main"}
    told = subprocess.run(
        [sys.executable, "-S", "-m", "gatehouse", "connect", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "--redirect-uri" in told.stdout


def test_the_readme_names_every_option_and_every_variable() -> None:
    readme = (ROOT / "gatehouse/README.md").read_text()
    sources = [(str(path.relative_to(ROOT)), path.read_text()) for path in (ROOT / "gatehouse").glob("*.py")]
    names = {name for path, text in sources for name in house.variables_read(path, text)}
    names |= set(re.findall(r'(?:add|add_argument)\("(--[a-z-]+)"', (ROOT / "gatehouse/command.py").read_text()))
    assert {"GATEHOUSE_ISSUER", "GATEHOUSE_TOKEN", "--token", "--json", "--handle"} <= names
    assert [name for name in names - {"--version"} if f"`{name}" not in readme] == []
