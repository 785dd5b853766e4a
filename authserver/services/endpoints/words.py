"""What a finding means, in words: the cause, and what to do about it. In the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext_lazy as _

from authserver.protocol.endpoints.findings import CHALLENGE, CONNECTION, METADATA, NAME, Finding

ISOLATE, ISOLATE_END = "\u2066", "\u2069"  # U+2066 LEFT-TO-RIGHT ISOLATE, and its end


@dataclass(frozen=True)
class Told:
    """One step of a check for a person to read. `fix` is empty where nothing has to be done."""

    step: str
    ok: bool
    cause: str
    fix: str


STEPS: Mapping[str, str | Promise] = {
    NAME: _("Name"),
    CONNECTION: _("Connection"),
    METADATA: _("Metadata"),
    CHALLENGE: _("Sign-in challenge"),
}

Pair = tuple[str | Promise, str | Promise]
# Results outlive an update: a node may read what a newer one found.
OF_ANOTHER_VERSION: Pair = (_("The check failed for a reason that this version does not know."), _("Check again."))
WORDS: Mapping[str, Pair] = {
    "name_good": (_("The name leads to an address."), ""),
    "name_private": (
        _("The name leads to a private address, as seen from this server."),
        _("This server reaches it. Make sure that it is reachable from the Internet too, if apps such as ChatGPT or "
          "Claude are to connect."),
    ),
    "name_unknown": (
        _("The name %(host)s does not resolve."),
        _("Add a DNS record for it that leads to the resource server."),
    ),
    "name_unknown_wildcard": (
        _("The name %(host)s does not resolve."),
        _("Add a wildcard DNS record %(zone)s that leads to the resource server. Until then, use the address with "
          "the handle in its path."),
    ),
    "name_too_slow": (
        _("Looking up the name %(host)s took too long."),
        _("Check the DNS servers that this server uses, then check again."),
    ),
    "connection_good": (_("It accepts connections."), ""),
    "connection_refused": (
        _("Nothing accepts connections at %(host)s, port %(port)s."),
        _("Start the resource server or the proxy in front of it, and check the port and the firewall."),
    ),
    "connection_too_slow": (
        _("Connecting to %(host)s, port %(port)s, took too long."),
        _("Check that the address in the DNS is right and that no firewall drops connections from this server."),
    ),
    "certificate_other_name": (
        _("The certificate at %(host)s is made out to another name."),
        _("Get a certificate for %(host)s. For addresses with the handle in the host name that is a wildcard "
          "certificate, or one for each handle."),
    ),
    "certificate_expired": (
        _("The certificate at %(host)s is out of date."),
        _("Renew it, and check why that did not happen by itself."),
    ),
    "certificate_untrusted": (
        _("The certificate at %(host)s comes from no authority that this server trusts."),
        _("Use a certificate of a public authority, together with its intermediate certificates: apps refuse others."),
    ),
    "tls_failed": (
        _("No encrypted connection came about at %(host)s, port %(port)s."),
        _("Check that this port speaks HTTPS, with TLS 1.2 or newer."),
    ),
    "answer_too_slow": (
        _("%(url)s did not answer in time."),
        _("Check that the resource server is running and not overloaded, then check again."),
    ),
    "answer_broken": (
        _("%(url)s closed the connection or sent no HTTP."),
        _("Check that the address leads to the resource server, with the right scheme and port."),
    ),
    "metadata_good": (_("Its metadata names this address, and this server to sign in at."), ""),
    "metadata_status": (
        _("%(url)s answers with status %(status)s instead of the metadata."),
        _("Route /.well-known/oauth-protected-resource, and every path below it, to the resource server."),
    ),
    "metadata_redirect": (
        _("%(url)s sends apps elsewhere (status %(status)s)."),
        _("Answer with the metadata at that very address: apps do not follow redirects there."),
    ),
    "metadata_not_json": (
        _("%(url)s answers, but not with a JSON object (%(kind)s)."),
        _("Something else answers there, often a web site or a proxy. Route the path to the resource server."),
    ),
    "resource_differs": (
        _("The metadata says that it belongs to %(told)s, not to %(expected)s."),
        _("Apps compare the two letter by letter. Set the same address, with the same slash at the end or none, here "
          "and at the resource server."),
    ),
    "issuer_missing": (
        _("The metadata names no authorization server."),
        _("Set %(expected)s as the issuer of the resource server."),
    ),
    "issuer_differs": (
        _("The metadata sends apps to %(told)s to sign in, not to %(expected)s."),
        _("Set %(expected)s as the issuer of the resource server, letter by letter and without a slash at the end."),
    ),
    "issuer_not_first": (
        _("The metadata names %(told)s before %(expected)s."),
        _("Name %(expected)s first: several apps read only the first."),
    ),
    "challenge_good": (_("A request without a credential is asked to sign in."), ""),
    "open": (
        _("%(url)s lets a request in without any credential (status %(status)s)."),
        _("Put the gate in front of it: nobody is asked to sign in, and everybody gets in."),
    ),
    "challenge_status": (
        _("%(url)s answers a request without a credential with status %(status)s instead of 401."),
        _("Apps start to sign in at 401 and at nothing else. Check that the path leads to the MCP endpoint and that "
          "the gate stands in front of it."),
    ),
    "challenge_missing": (
        _("%(url)s answers 401, but does not say where its metadata is."),
        _('Answer with the header WWW-Authenticate: Bearer resource_metadata="%(expected)s".'),
    ),
    "challenge_elsewhere": (
        _("The answer sends apps to the metadata at %(told)s, not at %(expected)s."),
        _("Make the resource server and the proxy in front of it agree on its public address."),
    ),
}  # fmt: skip


def told(finding: Finding, *, handle: str = "") -> Told:
    """Return what this finding means. `handle` is the handle whose endpoint it is: where its name begins the host name,
    one DNS record serves all handles."""
    reason, facts = finding.reason, dict(finding.facts)
    host = facts.get("host", "")
    if reason == "name_unknown" and handle and host.startswith(f"{handle}."):
        reason, facts["zone"] = "name_unknown_wildcard", f"*.{host.removeprefix(f'{handle}.')}"
    if get_language_bidi():  # addresses run from left to right inside a sentence that does not
        facts = {name: f"{ISOLATE}{value}{ISOLATE_END}" for name, value in facts.items()}
    cause, fix = WORDS.get(reason, OF_ANOTHER_VERSION)
    return Told(str(STEPS.get(finding.step, finding.step)), finding.ok, str(cause) % facts, str(fix) % facts)
