"""Every failure in words: what is the cause, and what to do about it. English, as all output of commands.

What a server said may stand in these sentences; it is shown on one line, printable and bounded, because it is a
stranger's text in somebody's terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SHOWN_LENGTH_MAX = 300

WORDS: dict[str, tuple[str, str]] = {
    # The way there
    "bad_address": (
        "{url} is not an address that can be called.",
        "Write it as https://host/path, without spaces, user name or #fragment.",
    ),
    "host_not_found": (
        "The host name {host} leads to no address.",
        "Check the spelling, then the DNS record of the name (a wildcard record where handles are in host names).",
    ),
    "connection_refused": (
        "Nothing accepts connections at {host}, port {port}.",
        "Start the server or the proxy in front of it, and check the port and the firewall.",
    ),
    "tls_failed": (
        "{host} could not prove by TLS to be that host: {reason}.",
        "Install a certificate that covers {host} and its whole chain; set SSL_CERT_FILE for an authority of your own.",
    ),
    "too_slow": (
        "{url} gave no whole answer within {seconds} seconds.",
        "Check the server and the network on the way to it, then run this again.",
    ),
    "no_http": (
        "{url} broke off or answered something that is not HTTP.",
        "Check that a web server listens there, and that https and http are not mixed up.",
    ),
    "too_large": ("The answer of {url} is larger than {limit} bytes.", "Check the address: this is no such document."),
    "moved": (
        "{url} redirects to {location}, which clients do not follow.",
        "Answer at {url} itself, or use the address that it leads to.",
    ),
    # Documents
    "not_found": (
        "{url} answered 404 where {what} was expected.",
        "Check the address, and that the proxy routes this path there.",
    ),
    "bad_status": ("{url} answered {status} where {what} was expected.", "Look into the log of that server."),
    "not_json": (
        "{url} answered {kind} where {what}, a JSON object, was expected.",
        "Let the proxy route this path to the server itself, not to a web page.",
    ),
    "not_https": (
        "{url} ({what}) is not https, which is needed outside of this computer.",
        "Serve it over https, and name it so in the settings of the server.",
    ),
    # The authorization server's signpost
    "no_signpost": (
        "{url} does not say where its MCP servers are.",
        "Check the issuer, or name the MCP server itself by --url.",
    ),
    "kind_not_offered": (
        "The authorization server {url} offers no MCP address of the kind {kind}.",
        "Name the MCP server itself by --url.",
    ),
    # The challenge
    "no_challenge": (
        "{url} answered {status} to a call without a credential; clients wait for 401.",
        "Check that this is the MCP URL, and that the server asks for sign-in (mode oauth).",
    ),
    "no_bearer": (
        "The 401 of {url} has no Bearer challenge in WWW-Authenticate.",
        'Let the MCP server send: WWW-Authenticate: Bearer resource_metadata="…"; and let no proxy take it away.',
    ),
    "metadata_elsewhere": (
        "The challenge of {url} points to metadata on another origin: {told}.",
        "Serve the resource metadata on the MCP URL's own host; strict clients read no other.",
    ),
    # The resource's metadata
    "resource_differs": (
        "The resource metadata names {told} where {expected} was called; they differ at character {place}.",
        "Let both be the same string: use the URL that is named, or correct the address in the MCP server's settings.",
    ),
    "no_authorization_server": (
        "The resource metadata at {url} names no authorization server.",
        "Set the issuer in the MCP server's settings.",
    ),
    "wrong_authorization_server": (
        "The MCP server {url} sends clients to the authorization server {told}, not to {expected}.",
        "Set the issuer in the MCP server's settings to {expected}, or correct --issuer.",
    ),
    # The authorization server's metadata
    "issuer_differs": (
        "The authorization server's metadata names {told} as issuer where {expected} was asked; they differ at "
        "character {place}.",
        "Let the MCP server and the authorization server have the same string as issuer, with or without a slash.",
    ),
    "member_missing": (
        "The authorization server's metadata at {url} lacks {member}.",
        "Add it to the metadata; clients cannot go on without it.",
    ),
    "no_pkce": (
        "The authorization server's metadata at {url} does not list S256 among code_challenge_methods_supported.",
        "Let the authorization server support PKCE with S256 and say so; clients refuse to go on without it.",
    ),
    "method_not_offered": (
        "The authorization server offers no client authentication {wanted}; it lists {told}.",
        "With --confidential the list needs client_secret_basic or client_secret_post, without it none.",
    ),
    # Registration
    "registration_closed": (
        "The authorization server registers no clients by itself.",
        "Ask an administrator to register the client with these redirect URIs.",
    ),
    "registration_needs_token": (
        "The authorization server registers clients only for holders of an initial access token.",
        "Get one from an administrator and set GATEHOUSE_TOKEN to it.",
    ),
    "token_refused": (
        "The authorization server does not accept this initial access token.",
        "It may be used up, expired or of another server: get a new one from an administrator.",
    ),
    "callback_refused": (
        "The authorization server refuses the redirect URI {uri}: {reason}",
        "Use an https address, http on this computer (http://127.0.0.1/…), or the scheme of an app that it knows.",
    ),
    "registration_refused": (
        "The authorization server refuses the registration ({error}): {reason}",
        "Change what it names; --name and --redirect-uri are what is sent.",
    ),
    "too_many": (
        "The authorization server has had too many registrations from here.",
        "Run this again in {seconds} seconds.",
    ),
    "answer_incomplete": (
        "The registration was answered without {member}, or with another value than was asked for.",
        "Look into the log of the authorization server: RFC 7591 §3.2.1 wants it told.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """What failed: a code for programs, the cause and the fix as one line each, and the facts that stand in them."""

    code: str
    cause: str
    fix: str
    facts: Mapping[str, str] = field(default_factory=dict)


class Failed(Exception):
    """Ends the steps. Carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def failed(code: str, **facts: object) -> Failed:
    """Return the failure of this code of WORDS; the facts stand in its sentences."""
    cause, fix = WORDS[code]
    told = {name: shown(fact) for name, fact in facts.items()}
    return Failed(Finding(code, cause.format(**told), fix.format(**told), told))


def shown(fact: object) -> str:
    """Return a foreign value for a sentence: printable, cut where it gets long. Nothing is shown as ""."""
    text = str(fact)
    return printable(text[:SHOWN_LENGTH_MAX]) + ("…" if len(text) > SHOWN_LENGTH_MAX else "") or '""'


def printable(text: str) -> str:
    """Return a foreign text on one line of printable characters: nothing that moves a terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in text)


def first_difference(told: str, expected: str) -> int:
    """Return the place, counted from 1, of the first character in which two strings differ."""
    pairs = zip(told, expected, strict=False)
    beyond = min(len(told), len(expected)) + 1
    return next((place for place, (one, other) in enumerate(pairs, 1) if one != other), beyond)
