"""What became of an attempt, in one sentence, and what to do next; and the steps by name. In the reader's language."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from authserver.models import Connection
from authserver.protocol.trace.steps import Kind
from authserver.protocol.trace.verdicts import Verdict

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    Pair = tuple[StrOrPromise, StrOrPromise]

CONNECT_AGAIN = _("Go back to the app and connect again.")
ADD_AGAIN = _("Go back to the app, remove the connection there and add it again.")
ASK_OWNER = _("Ask an owner of the handle.")
FAULT_OF_APP = _("This is a fault of the app: show this page to its makers.")
FAULT_OF_SERVER = _("This is for whoever runs the MCP server: show them this page.")
WAIT = _("Wait a minute, then connect again.")
NOTHING = _("There is nothing to do.")
WATCH = _("This page goes on by itself.")
REACH = _("If it stays like this, try again in the app. If it stops here again, the app cannot reach this server.")
ALLOWED_ANEW = _("The app has to be allowed once more: connect again from the app.")

AWAITED: Mapping[str, "Pair"] = {
    "where:awaited": (_("The app was told to sign in. It has not read where yet (%(seconds)s s)."), WATCH),
    "where:never": (_("The app was told to sign in and never read where."), REACH),
    "metadata:awaited": (_("The app read where to sign in. It has not asked us how yet (%(seconds)s s)."), WATCH),
    "metadata:never": (_("The app read where to sign in and never asked this server how."), REACH),
    "registration:awaited": (
        _("The app read how to sign in here. It has not registered or sent anybody yet (%(seconds)s s)."),
        WATCH,
    ),
    "registration:never": (
        _("The app read how to sign in here, and never registered or sent anybody."),
        _("Start the connection once more. Some apps wait until you press Connect in them."),
    ),
    "authorization:awaited": (_("The app registered. It has not sent anybody here yet (%(seconds)s s)."), WATCH),
    "authorization:never": (
        _("The app registered and never sent anybody here."),
        _("Start the connection once more, and let the app open your browser."),
    ),
    "sign_in:awaited": (_("Somebody was sent here and has not signed in yet."), _("Sign in on the page that is open.")),
    "sign_in:never": (_("Somebody was sent here and never signed in."), CONNECT_AGAIN),
    "answer:awaited": (
        _("The page that asks is open. Nobody has pressed Allow or Cancel yet."),
        _("Go to the open page and answer it."),
    ),
    "answer:never": (_("The page that asks was left open: nobody pressed Allow or Cancel."), CONNECT_AGAIN),
    "code:awaited": (
        _("Access was allowed. The app has not come back with the code yet (%(seconds)s s)."),
        _("The code is good for one minute. This page goes on by itself."),
    ),
    "code:never": (
        _("Access was allowed, and the app never came back with the code."),
        _("Connect again from the app. If it stops here again, the app did not get our answer or cannot reach us."),
    ),
    "call:awaited": (
        _("The app has its credential. It has not used it at the MCP server yet (%(seconds)s s)."),
        WATCH,
    ),
    "call:never": (
        _("The app got its credential and never used it at the MCP server."),
        _("Use the app once. If nothing changes here, the app cannot reach the MCP server."),
    ),
}
GOOD: Mapping[str, "Pair"] = {
    "well": (_("All is well: %(seconds)s s from the first 401 to the first call."), NOTHING),
    "works": (_("All is well: the app is connected, and its calls get through."), NOTHING),
    "late": (
        _("The app refreshed with a token that was replaced %(minutes)s min ago. It was let go on."),
        _("There is nothing to do. It seems that an answer of ours was lost on the way."),
    ),
}
CLIENTS: Mapping[str, "Pair"] = {
    "metadata_not_here": (
        _("The app looked for a document that this server does not have, and did not go on."),
        FAULT_OF_APP,
    ),
    "registration_refused": (
        _("The app's registration was refused: it cannot be read or used (%(reason)s)."),
        FAULT_OF_APP,
    ),
    "registration_redirects": (
        _("The app's registration was refused: it names no address of its own that we can answer to (%(reason)s)."),
        FAULT_OF_APP,
    ),
    "registration_closed": (
        _("The app's registration was refused: apps may not register here by themselves."),
        _("Ask whoever runs this server to register the app."),
    ),
    "too_many_registrations": (_("The app's registration was refused: too many came from there."), WAIT),
    "look_alike": (
        _("The app's registration was refused: its name can be mistaken for another app's."),
        FAULT_OF_APP,
    ),
    "document_unreachable": (_("The app's description could not be fetched (%(reason)s)."), WAIT),
    "document_address": (_("The app describes itself at an address that this server does not read."), FAULT_OF_APP),
    "document_unusable": (_("The app's description was fetched and cannot be used (%(reason)s)."), FAULT_OF_APP),
    "client_unknown": (_("The app came with a client ID that this server does not know."), ADD_AGAIN),
    "client_expired": (_("The app's registration has ended."), ADD_AGAIN),
    "client_blocked": (
        _("The app is blocked on this server."),
        _("If you need it, ask whoever runs this server."),
    ),
    "redirect_mismatch": (
        _("The app wants the answer at an address that differs from every address it registered."),
        ADD_AGAIN,
    ),
    "redirect_mismatch_at": (
        _(
            "The app wants the answer at an address that differs from every address it registered: from the nearest "
            "one at character %(differs_at)s."
        ),
        ADD_AGAIN,
    ),
    "resource_unknown_at": (
        _("The app asked for an MCP server at %(asked_host)s, which is none of ours."),
        _("Check the MCP server address in the app."),
    ),
    "resource_unknown": (
        _("The app asked for an MCP server address that is none of ours."),
        _("Check the MCP server address in the app."),
    ),
    "no_challenge": (_("The app did not send a PKCE challenge (S256)."), FAULT_OF_APP),
    "nobody_to_ask": (
        _("The app asked for an answer without asking a person. Only a person can allow it."),
        CONNECT_AGAIN,
    ),
    "faulty_request": (_("What the app asked for cannot be answered (%(reason)s)."), FAULT_OF_APP),
    "code_unknown": (_("The app came back with a code that this server does not know."), CONNECT_AGAIN),
    "code_expired": (_("The app came back with the code too late: it is good for one minute."), CONNECT_AGAIN),
    "code_replayed": (
        _("The code came twice, so the connection was ended: nothing tells which of the two was the app."),
        CONNECT_AGAIN,
    ),
    "code_sent_again": (
        _("The app sent its code twice, as if no answer had come. What it brought is void; the connection stands."),
        CONNECT_AGAIN,
    ),
    "code_foreign": (_("The app came with a code or token that was made for another app."), FAULT_OF_APP),
    "code_redirect": (_("The app came back with another redirect address than it began with."), FAULT_OF_APP),
    "verifier_wrong": (_("The app came back with a PKCE verifier that does not fit its challenge."), FAULT_OF_APP),
    "other_resource_asked": (_("The app asked for a credential for another address than was allowed."), FAULT_OF_APP),
    "not_proven": (
        _("The app did not prove who it is (%(reason)s)."),
        _("Check the client secret or key in the app, or remove the connection there and add it again."),
    ),
    "rehearsed": (_("A fault is rehearsed here: this server failed on purpose, to see what the app does."), WATCH),
    "refresh_expired": (_("The app came back too late: its refresh token has run out."), ALLOWED_ANEW),
    "refresh_unknown": (_("The app came with a refresh token that this server does not know."), ALLOWED_ANEW),
    "stolen": (
        _(
            "The app refreshed with a token that was replaced %(minutes)s min ago. It was judged stolen, and the "
            "connection was ended."
        ),
        ALLOWED_ANEW,
    ),
    "overloaded": (_("This server could not answer just then."), WAIT),
}
PEOPLE: Mapping[str, "Pair"] = {
    "cancelled": (
        _("Cancel was pressed, so the app got no access."),
        _("To allow it after all, connect again from the app."),
    ),
    "left_open": (_("The page was open too long, so its answer no longer counted."), CONNECT_AGAIN),
    "answered": (_("The page was answered twice; the first answer counts."), NOTHING),
    "other_person": (
        _("The page was opened by one account and answered by another, so it is asked again."),
        _("Answer the page that is open now."),
    ),
    "too_many_sign_ins": (_("Signing in was tried too often in a short time."), WAIT),
    "no_mail": (_("Our mail server did not take the message with the sign-in code."), WAIT),
    "signed_out": (_("The person signed out before the answer arrived."), CONNECT_AGAIN),
    "not_a_member": (
        _("Whoever signed in is not a member of @%(handle)s."),
        _("Ask an owner of the handle to add you, or switch to the account that is a member."),
    ),
    "handle_unknown": (
        _("The address in the app names a handle that does not exist here."),
        _("Check the MCP server address in the app."),
    ),
    "handle_suspended": (_("The handle is suspended, so nothing can be connected to it."), ASK_OWNER),
    "no_handle": (
        _("Whoever signed in has no handle to connect the app to."),
        _("Create a handle or accept an invitation, then connect again from the app."),
    ),
    "waits": (
        _("The app waits for an admin of @%(handle)s to let it in."),
        _("When they have, connect again from the app."),
    ),
    "not_let_in": (
        _("The admins of @%(handle)s do not let this app in."),
        _("Ask an admin of the handle to let it in. Nothing was shared with the app."),
    ),
    "paused": (_("The connection is paused."), _("Whoever paused it can resume it: ask them.")),
    "access_lost": (_("The person may no longer act for this handle."), ASK_OWNER),
    "ended": (_("The connection was ended: %(end)s."), ALLOWED_ANEW),
}
SERVERS: Mapping[str, "Pair"] = {
    "other_resource_called": (
        _("The app asked for %(asked)s and called %(called)s."),
        _("Use one MCP server address in the app: remove the connection there and add it again."),
    ),
    "credential_expired": (
        _("The app called with a credential that had run out or was replaced."),
        _("Apps refresh by themselves. If this one does not, connect again from the app."),
    ),
    "clock_wrong": (
        _("The MCP server took a new credential for one that had run out: its clock is wrong."),
        FAULT_OF_SERVER,
    ),
    "credential_unknown": (_("The app called with a credential that this server does not know."), ALLOWED_ANEW),
    "credential_malformed": (_("The app called with something that is no credential of ours."), FAULT_OF_APP),
    "used_after_end": (_("The app called with a credential of a connection that had ended."), ALLOWED_ANEW),
    "limited": (_("The app called too often in a short time."), WAIT),
    "scope_missing": (
        _("The app called a tool without the permission for it."),
        _("Allow it under Connected apps, or connect again from the app."),
    ),
    "scope_missing_named": (
        _("The app called %(tool)s without the permission %(scopes)s."),
        _("Allow it under Connected apps, or connect again from the app."),
    ),
    "session_foreign": (_("The app went on with an MCP session that was opened for another handle."), CONNECT_AGAIN),
    "session_unknown": (_("The app went on with an MCP session that has ended."), CONNECT_AGAIN),
    "cut_off": (_("The MCP server could not reach this server, so it let nobody in."), FAULT_OF_SERVER),
    "tool_new": (
        _("The app called a tool that is newer than the permission for it."),
        _("Allow it under Connected apps, or connect again from the app."),
    ),
    "origin_not_allowed": (_("The MCP server does not take calls from web pages of that origin."), FAULT_OF_SERVER),
    "refused": (_("The step “%(step)s” was refused (%(reason)s)."), _("Show this page to whoever helps you.")),
}
SENTENCES: Mapping[str, "Pair"] = {**AWAITED, **GOOD, **CLIENTS, **PEOPLE, **SERVERS}

STEPS: Mapping[str, "StrOrPromise"] = {
    Kind.CHALLENGE.value: _("Told to sign in"),
    Kind.RESOURCE_METADATA.value: _("Read where to sign in"),
    Kind.SERVER_METADATA.value: _("Read how to sign in here"),
    Kind.REGISTRATION.value: _("Registered"),
    Kind.DOCUMENT.value: _("Its description was fetched"),
    Kind.AUTHORIZATION.value: _("Sent somebody here"),
    Kind.SIGN_IN.value: _("Signed in"),
    Kind.CONSENT.value: _("Asked on our page"),
    Kind.ANSWER.value: _("Answered"),
    Kind.TOKEN.value: _("Came back with the code"),
    Kind.REFRESH.value: _("Refreshed its credential"),
    "introspection": _("The MCP server asked us about the credential"),
    Kind.CALL.value: _("Called the MCP server"),
}
FOREIGN = ("handle", "asked", "called", "asked_host", "tool", "scopes", "reason")
AT_A_HANDLE = ("not_a_member", "waits", "not_let_in")  # sentences that name it
# Where these facts are known, another sentence says more.
RICHER = {
    "scope_missing": ("scope_missing_named", ("tool", "scopes")),
    "redirect_mismatch": ("redirect_mismatch_at", ("differs_at",)),
    "resource_unknown": ("resource_unknown_at", ("asked_host",)),
}
ISOLATED = "\u2068%s\u2069"  # so that a name from elsewhere does not turn a line that reads from the right


def sentence(found: Verdict) -> str:
    """Return what became of it, for people."""
    return str(SENTENCES[_code(found)][0]) % _facts(found)


def next_step(found: Verdict) -> str:
    """Return what to do next."""
    return str(SENTENCES[_code(found)][1])


def step_name(kind: str) -> str:
    return str(STEPS[kind])


def _code(found: Verdict) -> str:
    """Return the code of the sentence: the one that says most with the facts there are."""
    richer, needed = RICHER.get(found.code, ("", ()))
    if richer and all(found.facts.get(name) for name in needed):
        return richer
    lacks_place = found.code in AT_A_HANDLE and not found.facts.get("handle")
    return "refused" if lacks_place or found.code not in SENTENCES else found.code


def _facts(found: Verdict) -> dict[str, str]:
    shown = {name: str(fact) for name, fact in found.facts.items()}
    shown |= {name: ISOLATED % shown[name] for name in FOREIGN if shown.get(name)}
    if "step" in shown:
        shown["step"] = step_name(shown["step"])
    if "seconds" in shown:
        shown["minutes"] = str(max(1, round(float(shown["seconds"]) / 60)))
    if found.code == "ended":
        reasons = {reason.value: str(reason.label) for reason in Connection.EndReason}
        shown["end"] = reasons.get(str(found.facts["reason"]), str(found.facts["reason"]))
    return shown
