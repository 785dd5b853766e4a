"""The commands, and `gatehouse connect`: the arguments, the report, the exit status.

Status 0: done. 1: it failed; one line of cause and one line of fix on standard error. 2: the arguments are wrong.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from gatehouse import __version__, addresses, doctor_command
from gatehouse.addresses import Place
from gatehouse.discovery import Discovered, discover
from gatehouse.registration import Registered, Wanted, register
from gatehouse.words import Failed, printable

FAILED = 1
INTERRUPTED = 130  # as shells have it for Ctrl-C
TITLES = {
    "mcp_server_url": "MCP server URL",
    "authorization_server": "Authorization server",
    "client_id": "Client ID",
    "redirect_uris": "Redirect URIs",
    "default_scopes": "Default scopes",
    "client_secret": "Client secret",
}
COLUMN = 22  # the width of the titles
Report = dict[str, str | list[str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to break off
    parser = _parser()
    options = parser.parse_args(argv)
    problem = options.complete(options)
    if problem:
        parser.error(problem)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def run(options: argparse.Namespace) -> int:
    """Connect, print the report or why not, and return the exit status."""
    try:
        report = connect(options)
    except Failed as failure:
        return _tell_failure(failure, as_json=options.json)
    sys.stdout.write(json.dumps(report, indent=1) + "\n" if options.json else _lines(report))
    return 0


def connect(options: argparse.Namespace) -> Report:
    """Return what a connector's form asks for, the client registered. Raises Failed."""
    place = _place(options)
    try:
        discovered = discover(place.url, expected_issuer=options.issuer)
    except Failed as failure:
        raise place.advise(failure) from failure
    uris = tuple(dict.fromkeys(options.redirect_uri))
    name = options.name or _name(uris[0])
    wanted = Wanted(uris, name, options.confidential, options.token)
    return _report(discovered, register(discovered.server, wanted))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gatehouse", description="Connect clients to MCP servers, and find out why one does not."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    connecting = commands.add_parser("connect", help="register a client and print what its connector needs")
    where = connecting.add_mutually_exclusive_group(required=True)
    where.add_argument("--handle", help="the handle to connect to")
    where.add_argument("--gateway", action="store_true", help="the MCP URL for everybody")
    where.add_argument("--url", help="the MCP URL itself")
    add = connecting.add_argument
    add("--issuer", default=os.environ.get("GATEHOUSE_ISSUER", ""), help="the authorization server (GATEHOUSE_ISSUER)")
    add("--redirect-uri", action="append", required=True, metavar="URI", help="a callback; once for each")
    add("--name", default="", help="what people read on the consent page")
    add("--confidential", action="store_true", help="a client with a secret, which is printed once")
    # As default it would be printed by --help.
    add("--token", help="initial access token; better in GATEHOUSE_TOKEN")
    add("--json", action="store_true", help="print JSON")
    connecting.set_defaults(run=run, complete=_complete)
    doctor_command.add(commands)
    return parser


def _complete(options: argparse.Namespace) -> str:
    """Fill in what the environment says. Return what is wrong with the arguments, or nothing."""
    options.token = options.token or os.environ.get("GATEHOUSE_TOKEN", "")
    if options.url is None and not options.issuer:
        return "say where: --issuer (or GATEHOUSE_ISSUER), or --url"
    if options.token and not options.issuer:
        return "a token is only sent to an issuer that you name: --issuer (or GATEHOUSE_ISSUER)"
    if not (options.token.isascii() and options.token.isprintable()):
        return "the token has characters that no token has"
    if options.handle is not None:
        options.handle = addresses.parse_handle(options.handle)
        if options.handle is None:
            return "a handle has letters a to z, digits and hyphens only"
    return ""


def _place(options: argparse.Namespace) -> Place:
    if options.url is not None:
        return Place(options.url)
    return addresses.gateway(options.issuer) if options.gateway else addresses.of_handle(options.issuer, options.handle)


def _name(redirect_uri: str) -> str:
    """Return a name for people: the host that a callback leads to. An app on this computer goes without."""
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:  # the server will say that it is no callback
        return ""
    return parts.hostname or "" if parts.scheme == "https" else ""


def _report(discovered: Discovered, registered: Registered) -> Report:
    report: Report = {
        "mcp_server_url": discovered.mcp_url,
        "authorization_server": discovered.server.issuer,
        "client_id": registered.client_id,
        "redirect_uris": list(registered.redirect_uris),
        "default_scopes": list(discovered.default_scopes),
    }
    return report | ({"client_secret": registered.secret} if registered.secret else {})


def _lines(report: Report) -> str:
    found = []
    for name, value in report.items():
        values = [value] if isinstance(value, str) else value if name == "redirect_uris" else [" ".join(value)]
        titles = [TITLES[name], *[""] * len(values)]
        found += [f"{title:{COLUMN}}{printable(each)}\n" for title, each in zip(titles, values, strict=False)]
    return "".join(found)


def _tell_failure(failure: Failed, *, as_json: bool) -> int:
    finding = failure.finding
    if as_json:
        told = {"error": finding.code, "cause": finding.cause, "fix": finding.fix}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    sys.stderr.write(f"Cause: {finding.cause}\nFix: {finding.fix}\n")
    return FAILED
