"""docs/guide/connect.md, from the same table as a handle's Integrations page: `python -m tests.docs.connect_page`."""

import os
import textwrap

import django
from django.utils import translation

from authserver.protocol.setup.snippets import Server
from authserver.views.integrations.clients import CLIENTS, Client, Step
from tests.house import ROOT

PAGE = ROOT / "docs" / "guide" / "connect.md"
SERVER = Server("acme", "https://acme.mcp.example.com/mcp")
INTRODUCTION = f"""# Connect a client
<!-- Written by `.venv/bin/python -m tests.docs.connect_page`; a test holds it equal to what people see. -->
What each app has to be told, here for the handle `acme` at `{SERVER.url}`. A running server shows the same
with your own addresses: Handles, Integrations. Apps that run at their maker's (marked "cloud") need an address that the
Internet reaches, over https; those on your computer take `http://127.0.0.1:8001/mcp` too, as `./dev up` prints it.

Where one does not get through, `python3 -m gatehouse doctor {SERVER.url} --as CLIENT` goes its way and
says which step fails ([the doctor](../doctor.md)). What each app publishes and registers: [clients](../clients.md).
"""
INSPECTOR = f"""
## MCP Inspector
In the browser, for those who build servers. Not on the Integrations page.

1. In a terminal, run this, and open the address that it prints.
```
npx @modelcontextprotocol/inspector --transport http --server-url {SERVER.url}
```
2. Switch the server on, where it says “Disconnected”.
3. Your browser opens this server: sign in, look at what the app asks for, and choose Allow.

Tried with version 2.12. Older ones have a form instead: choose Streamable HTTP, paste the address, choose Connect.
"""


def page() -> str:
    """Return the page, in English."""
    with translation.override("en"):
        return INTRODUCTION + "".join(map(_client, CLIENTS)) + INSPECTOR


def _client(client: Client) -> str:
    lines = [f"\n## {client.name}\n{client.runs_in}{' (cloud)' if client.is_cloud else ''}.\n\n"]
    if client.link:
        lines.append(f"The button “{client.link.label}” on the Integrations page is this link:\n")
        lines.append(f"```\n{client.link.make(SERVER)}\n```\n\n")
    lines += [f"{number}. {_step(step)}" for number, step in enumerate(client.steps, start=1)]
    if client.note:
        lines.append(f"\n{textwrap.fill(str(client.note), 120)}\n")
    if client.more:
        lines += ["\nAnother way:\n\n", *(f"- {_step(step)}" for step in client.more)]
    return "".join(lines)


def _step(step: Step) -> str:
    text = str(step.text) % {"name": SERVER.name}
    return text + (f"\n```\n{step.make(SERVER)}\n```\n" if step.make else "\n")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    django.setup()
    PAGE.write_text(page())
