"""What an alarm says, in the language that is spoken at the moment.

Only names of ours, ids, and addresses that a client or a handle is known by stand in it, each as plain text.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authserver.models import Alarm
from authserver.protocol import names

Kind = Alarm.Kind


def sentence(alarm: Alarm, *, is_over: bool = False) -> str:
    """Return what is wrong, or that it is over, in words."""
    if not is_over:
        return _WORDS[Kind(alarm.kind)](alarm)
    if alarm.closed_by_id is not None:
        return _("Closed by an administrator: %(alarm)s") % {"alarm": sentence(alarm)}
    return _over(alarm)


def _doctor(alarm: Alarm) -> str:
    """At how many addresses, for a finding that is the same at all of them; else where."""
    examples, count = alarm.detail.get("examples"), int(alarm.detail.get("addresses", 0))
    if not examples or not count:
        return _("The doctor finds a fault: %(subject)s.") % {"subject": _plain(alarm.subject)}
    told = ngettext(
        "The doctor finds the fault %(code)s at %(address)s.",
        "The doctor finds the fault %(code)s at %(count)d addresses, such as %(address)s.",
        count,
    )
    return told % {"code": _plain(alarm.detail.get("code")), "count": count, "address": _plain(examples[0])}


def _document(alarm: Alarm) -> str:
    members = ", ".join(map(_plain, alarm.detail.get("changed", [])))
    said = {"client": _plain(alarm.subject), "name": alarm.detail.get("well_known", ""), "members": members}
    if said["name"]:
        return _("%(name)s changed its document, %(client)s: %(members)s.") % said
    return _("A client changed its document, %(client)s: %(members)s.") % said


def _refusals(alarm: Alarm) -> str:
    told = alarm.detail
    callers = int(told.get("callers", 0))
    said = {"reason": _plain(alarm.subject), "count": int(told.get("hour", 0)), "usual": int(told.get("usual", 0))}
    first = ngettext(
        "%(count)d refusals for the reason %(reason)s in an hour, all from one caller; %(usual)d are usual.",
        "%(count)d refusals for the reason %(reason)s in an hour, from %(callers)d callers; %(usual)d are usual.",
        callers,
    ) % (said | {"callers": callers})
    client, handle = _plain(told.get("client")), _plain(told.get("handle"))
    rest = (
        _("Most concern the client %(client)s.") % {"client": client} if client else "",
        _("Most concern the handle %(handle)s.") % {"handle": handle} if handle else "",
    )
    return " ".join(filter(None, (first, *rest)))


_WORDS = {Kind.DOCTOR_FAILED: _doctor, Kind.DOCUMENT_CHANGED: _document, Kind.REFUSALS_GROW: _refusals}


def _over(alarm: Alarm) -> str:
    subject = {"subject": _plain(alarm.subject)}
    if alarm.kind == Kind.DOCTOR_FAILED:
        return _("It is over: the doctor no longer finds %(subject)s.") % subject
    if alarm.kind == Kind.REFUSALS_GROW:
        return _("It is over: refusals for the reason %(subject)s went back.") % subject
    return _("It is over: %(subject)s.") % subject


def _plain(text: object) -> str:
    return names.plain(str(text or ""))
