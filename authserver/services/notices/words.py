"""The sentences of each kind of notice, in the language that is spoken at the moment."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from authserver.models import Notice

Kind = Notice.Kind


@dataclass(frozen=True)
class Words:
    """The sentences of one kind of notice; `%(client)s`, `%(handle)s`, `%(name)s` and `%(email)s` stand for what it is
    about. `step` and `path` lead to the page that ends it: one that asks first, since mail programs open links by
    themselves."""

    subject: str
    lead: str
    list_lead: str
    advice: str
    step: str
    path: str
    is_alarm: bool = True  # it tells of something that somebody did: from where, and what to do if it was somebody else


def of(kind: Notice.Kind) -> Words:
    """Return the words of this kind of notice."""
    return {
        Kind.CONNECTION_APPROVED: _approved,
        Kind.CONNECTION_WIDENED: _widened,
        Kind.CONNECTION_STOLEN: _stolen,
        Kind.TOOLS_WAITING: _tools_waiting,
        Kind.TOKEN_CREATED: _token_created,
    }[kind]()


def _approved() -> Words:
    return Words(
        subject=_("An app was connected to @%(handle)s"),
        lead=_("%(client)s may now act for @%(handle)s with your account, %(email)s."),
        list_lead=_("It may:"),
        advice=_("If it was you, there is nothing to do. If it was not:"),
        step=_("Look at this connection and end it"),
        path="/connections/%(connection)s/disconnect",
    )


def _widened() -> Words:
    return Words(
        subject=_("An app may do more at @%(handle)s"),
        lead=_("%(client)s may now do more for @%(handle)s with your account, %(email)s."),
        list_lead=_("New is that it may:"),
        advice=_("If it was you, there is nothing to do. If it was not:"),
        step=_("Look at this connection and end it"),
        path="/connections/%(connection)s/disconnect",
    )


def _stolen() -> Words:
    return Words(
        subject=_("A connection to @%(handle)s was ended to protect it"),
        lead=_(
            "%(client)s was disconnected from @%(handle)s and your account, %(email)s. A key of this connection was "
            "used twice, so somebody else may have had a copy of it. It works for nobody any more."
        ),
        list_lead="",
        advice=_("If you use this app, connect it again from the app. If you do not know the app, or the place above:"),
        step=_("See what is connected to your account"),
        path="/connections",
    )


def _tools_waiting() -> Words:
    return Words(
        subject=_("New tools wait for your word at @%(handle)s"),
        lead=_(
            "There are new tools that %(client)s could use for @%(handle)s with your account, %(email)s. It cannot use "
            "them until you allow it."
        ),
        list_lead=_("Among them are:"),
        advice=_("If you do nothing, everything stays as it is. To look at them and decide:"),
        step=_("See the new tools"),
        path="/connections/%(connection)s/tools",
        is_alarm=False,
    )


def _token_created() -> Words:
    return Words(
        subject=_("A personal access token was created for @%(handle)s"),
        lead=_("The personal access token %(name)s was created for @%(handle)s with your account, %(email)s."),
        list_lead=_("Whoever has it may:"),
        advice=_("If it was you, there is nothing to do. If it was not:"),
        step=_("Look at this token and end it"),
        path="/handles/%(handle)s/tokens/%(token)s/revoke",
    )
