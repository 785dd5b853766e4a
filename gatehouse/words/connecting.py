"""What can keep a client from connecting, and what to do about each: cause and fix, by code."""

from gatehouse.words.marking import gettext_noop

CONNECTING: dict[str, tuple[str, str]] = {
    # The way there
    "bad_address": (
        gettext_noop("{url} is not an address that can be called."),
        gettext_noop("Write it as https://host/path, without spaces, user name or #fragment."),
    ),
    "host_not_found": (
        gettext_noop("The host name {host} leads to no address."),
        gettext_noop(
            "Check the spelling, then the DNS record of the name (a wildcard record where handles are in host names)."
        ),
    ),
    "connection_refused": (
        gettext_noop("Nothing accepts connections at {host}, port {port}."),
        gettext_noop("Start the server or the proxy in front of it, and check the port and the firewall."),
    ),
    "tls_failed": (
        gettext_noop("{host} could not prove by TLS to be that host: {reason}."),
        gettext_noop(
            "Install a certificate that covers {host} and its whole chain; set SSL_CERT_FILE for an authority of "
            "your own."
        ),
    ),
    "too_slow": (
        gettext_noop("{url} gave no whole answer within {seconds} seconds."),
        gettext_noop("Check the server and the network on the way to it, then run this again."),
    ),
    "no_http": (
        gettext_noop("{url} broke off or answered something that is not HTTP."),
        gettext_noop("Check that a web server listens there, and that https and http are not mixed up."),
    ),
    "too_large": (
        gettext_noop("The answer of {url} is larger than {limit} bytes."),
        gettext_noop("Check the address: this is no such document."),
    ),
    "moved": (
        gettext_noop("{url} redirects to {location}, which clients do not follow."),
        gettext_noop("Answer at {url} itself, or use the address that it leads to."),
    ),
    # Documents
    "not_found": (
        gettext_noop("{url} answered 404 where {what} was expected."),
        gettext_noop("Check the address, and that the proxy routes this path there."),
    ),
    "bad_status": (
        gettext_noop("{url} answered {status} where {what} was expected."),
        gettext_noop("Look into the log of that server."),
    ),
    "not_json": (
        gettext_noop("{url} answered {kind} where {what}, a JSON object, was expected."),
        gettext_noop("Let the proxy route this path to the server itself, not to a web page."),
    ),
    "not_https": (
        gettext_noop("{url} ({what}) is not https, which is needed outside of this computer."),
        gettext_noop("Serve it over https, and name it so in the settings of the server."),
    ),
    # The authorization server's signpost
    "no_signpost": (
        gettext_noop("{url} does not say where its MCP servers are."),
        gettext_noop("Check the issuer, or name the MCP server itself by --url."),
    ),
    "kind_not_offered": (
        gettext_noop("The authorization server {url} offers no MCP address of the kind {kind}."),
        gettext_noop("Name the MCP server itself by --url."),
    ),
    # The challenge
    "no_challenge": (
        gettext_noop("{url} answered {status} to a call without a credential; clients wait for 401."),
        gettext_noop("Check that this is the MCP URL, and that the server asks for sign-in (mode oauth)."),
    ),
    "no_bearer": (
        gettext_noop("The 401 of {url} has no Bearer challenge in WWW-Authenticate."),
        gettext_noop(
            'Let the MCP server send: WWW-Authenticate: Bearer resource_metadata="…"; and let no proxy take it away.'
        ),
    ),
    "metadata_elsewhere": (
        gettext_noop("The challenge of {url} points to metadata on another origin: {told}."),
        gettext_noop("Serve the resource metadata on the MCP URL's own host; strict clients read no other."),
    ),
    # The resource's metadata
    "resource_differs": (
        gettext_noop(
            "The resource metadata names {told} where {expected} was called; they differ at character {place}: "
            "{told_there} against {expected_there}."
        ),
        gettext_noop(
            "Let both be the same string: use the URL that is named, or correct the address in the MCP server's "
            "settings."
        ),
    ),
    "no_authorization_server": (
        gettext_noop("The resource metadata at {url} names no authorization server."),
        gettext_noop("Set the issuer in the MCP server's settings."),
    ),
    "wrong_authorization_server": (
        gettext_noop("The MCP server {url} sends clients to the authorization server {told}, not to {expected}."),
        gettext_noop(
            "Set the issuer in the MCP server's settings to {expected}, or correct the issuer that you expect."
        ),
    ),
    # The authorization server's metadata
    "issuer_differs": (
        gettext_noop(
            "The authorization server's metadata names {told} as issuer where {expected} was asked; they differ at "
            "character {place}: {told_there} against {expected_there}."
        ),
        gettext_noop(
            "Let the MCP server and the authorization server have the same string as issuer, with or without a slash."
        ),
    ),
    "member_missing": (
        gettext_noop("The authorization server's metadata at {url} lacks {member}."),
        gettext_noop("Add it to the metadata; clients cannot go on without it."),
    ),
    "no_pkce": (
        gettext_noop(
            "The authorization server's metadata at {url} does not list S256 among code_challenge_methods_supported."
        ),
        gettext_noop(
            "Let the authorization server support PKCE with S256 and say so; clients refuse to go on without it."
        ),
    ),
    "method_not_offered": (
        gettext_noop("The authorization server offers no client authentication {wanted}; it lists {told}."),
        gettext_noop("With --confidential the list needs client_secret_basic or client_secret_post, without it none."),
    ),
    # Registration
    "registration_closed": (
        gettext_noop("The authorization server registers no clients by itself."),
        gettext_noop("Ask an administrator to register the client with these redirect URIs."),
    ),
    "registration_needs_token": (
        gettext_noop("The authorization server registers clients only for holders of an initial access token."),
        gettext_noop("Get one from an administrator and set GATEHOUSE_TOKEN to it."),
    ),
    "token_refused": (
        gettext_noop("The authorization server does not accept this initial access token."),
        gettext_noop("It may be used up, expired or of another server: get a new one from an administrator."),
    ),
    "callback_refused": (
        gettext_noop("The authorization server refuses the redirect URI {uri}: {reason}"),
        gettext_noop(
            "Use an https address, http on this computer (http://127.0.0.1/…), or the scheme of an app that it knows."
        ),
    ),
    "registration_refused": (
        gettext_noop("The authorization server refuses the registration ({error}): {reason}"),
        gettext_noop("Change what it names; --name and --redirect-uri are what is sent."),
    ),
    "too_many": (
        gettext_noop("The authorization server has had too many registrations from here."),
        gettext_noop("Run this again in {seconds} seconds."),
    ),
    "answer_incomplete": (
        gettext_noop("The registration was answered without {member}, or with another value than was asked for."),
        gettext_noop("Look into the log of the authorization server: RFC 7591 §3.2.1 wants it told."),
    ),
}
