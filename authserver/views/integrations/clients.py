"""The apps that we can tell a person how to connect: one table.

The names of menus and buttons are those of the makers' own pages at the end of 2026. They stay in English, in quotation
marks, where the app itself shows them in English.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from authserver.protocol.setup import snippets
from authserver.protocol.setup.snippets import Make, Server

Words = str | Promise


@dataclass(frozen=True)
class Step:
    """One thing to do. `%(name)s` in the text is the server's name in the app; `make` is what to type or paste."""

    text: Words
    make: Make | None = None
    copy: Words = ""


@dataclass(frozen=True)
class Link:
    """One click that does it. `make` answers a URL whose scheme is ours to choose."""

    label: Words
    make: Make


@dataclass(frozen=True)
class Client:
    """One app. `is_cloud`: it connects from its maker's machines, so the address has to be out in the Internet."""

    slug: str
    name: Words
    runs_in: Words
    steps: tuple[Step, ...]
    link: Link | None = None
    is_cloud: bool = False
    note: Words = ""
    more: tuple[Step, ...] = ()  # another way, for those who prefer it


def _address(server: Server) -> str:
    return server.url


COPY_ADDRESS = _("Copy the address")
COPY_COMMAND = _("Copy the command")
COPY_FILE = _("Copy the file")
SIGN_IN = _("Your browser opens this server: sign in, look at what the app asks for, and choose Allow.")

CLIENTS: tuple[Client, ...] = (
    Client(
        slug="chatgpt",
        name="ChatGPT",
        runs_in=_("On the web"),
        is_cloud=True,
        steps=(
            Step(_("Open chatgpt.com/plugins, choose the plus button, then “Add custom MCP server”.")),
            Step(_("Type the name “%(name)s”, and under “Connection” paste this Server URL."), _address, COPY_ADDRESS),
            Step(_("Choose OAuth as the authentication. Leave client ID and secret empty.")),
            Step(_("Confirm “I understand and want to continue”, then choose “Create as a plugin”.")),
            Step(SIGN_IN),
        ),
        note=_(
            "In a workspace, its owners or admins may have to allow custom MCP servers or Developer mode first. Older "
            "versions call plugins “Apps” or “Connectors” and have them under Settings."
        ),
    ),
    Client(
        slug="claude",
        name="Claude",
        runs_in=_("On the web, the desktop and the phone"),
        is_cloud=True,
        steps=(
            Step(_("On the web or the desktop, open “Customize”, then “Connectors”, and choose the plus button.")),
            Step(_("Choose “Add custom connector” and type the name “%(name)s”.")),
            Step(_("Paste this as the remote MCP server URL and choose “Add”."), _address, COPY_ADDRESS),
            Step(_("Choose “Connect” beside the new connector.")),
            Step(SIGN_IN),
        ),
        note=_(
            "On Team and Enterprise plans an owner adds the connector once, under “Organization settings”, then "
            "“Connectors”; after that everybody chooses “Connect” for themselves. Some versions have “Connectors” "
            "under Settings."
        ),
    ),
    Client(
        slug="claude-code",
        name="Claude Code",
        runs_in=_("In the terminal"),
        steps=(
            Step(_("In a terminal, run this."), snippets.claude_code, COPY_COMMAND),
            Step(_("Start claude, type /mcp, choose “%(name)s” and then the entry to authenticate.")),
            Step(SIGN_IN),
        ),
        note=_("It is added for the folder you are in. Put --scope user after “add” to have it everywhere."),
        more=(
            Step(
                _("For everybody who works on a project, this is its file .mcp.json."),
                snippets.claude_code_file,
                COPY_FILE,
            ),
        ),
    ),
    Client(
        slug="vscode",
        name="VS Code",
        runs_in=_("On this computer"),
        link=Link(_("Add to VS Code"), snippets.vscode_link),
        steps=(
            Step(_("Choose the button above and let VS Code install “%(name)s”.")),
            Step(_("If it does not start by itself, start it with “MCP: List Servers” in the Command Palette.")),
            Step(SIGN_IN),
        ),
        more=(
            Step(_("Make the file .vscode/mcp.json in your project with this."), snippets.vscode_file, COPY_FILE),
            Step(_("Or run “MCP: Add Server” in the Command Palette and paste this."), _address, COPY_ADDRESS),
        ),
    ),
    Client(
        slug="cursor",
        name="Cursor",
        runs_in=_("On this computer"),
        link=Link(_("Add to Cursor"), snippets.cursor_link),
        steps=(
            Step(_("Choose the button above and let Cursor install “%(name)s”.")),
            Step(_("In Cursor's settings for MCP, choose to sign in beside “%(name)s”.")),
            Step(SIGN_IN),
        ),
        more=(
            Step(
                _("Put this into .cursor/mcp.json in your project, or in your home folder to have it everywhere."),
                snippets.cursor_file,
                COPY_FILE,
            ),
        ),
    ),
    Client(
        slug="codex",
        name="Codex",
        runs_in=_("In the terminal and the editor"),
        steps=(
            Step(_("In a terminal, run this."), snippets.codex, COPY_COMMAND),
            Step(_("If it did not ask you to sign in at once, run this."), snippets.codex_login, COPY_COMMAND),
            Step(SIGN_IN),
        ),
        more=(Step(_("The same by hand, in ~/.codex/config.toml."), snippets.codex_file, COPY_FILE),),
    ),
    Client(
        slug="gemini-cli",
        name="Gemini CLI",
        runs_in=_("In the terminal"),
        steps=(
            Step(_("In a terminal, run this."), snippets.gemini, COPY_COMMAND),
            Step(_("Start gemini and type this."), snippets.gemini_login, COPY_COMMAND),
            Step(SIGN_IN),
        ),
        note=_("Gemini CLI leaves servers off in a folder that you have not told it to trust."),
        more=(Step(_("The same by hand, in ~/.gemini/settings.json."), snippets.gemini_file, COPY_FILE),),
    ),
    Client(
        slug="other",
        name=_("Another app"),
        runs_in=_("Anything that speaks MCP"),
        steps=(
            Step(
                _("Add a remote MCP server with this address. The transport is streamable HTTP."),
                _address,
                COPY_ADDRESS,
            ),
            Step(_("Where it asks, choose OAuth and leave client ID and secret empty: the app finds the rest.")),
            Step(SIGN_IN),
        ),
        more=(
            Step(
                _("An app that only starts programs on this computer gets there through mcp-remote (on Node.js)."),
                snippets.mcp_remote_file,
                COPY_FILE,
            ),
            Step(_("To try that in a terminal, run this."), snippets.mcp_remote, COPY_COMMAND),
        ),
    ),
)  # fmt: skip


def find(slug: str) -> Client:
    """Return the app of this name, or the first."""
    return next((client for client in CLIENTS if client.slug == slug), CLIENTS[0])
