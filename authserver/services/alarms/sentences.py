"""What an alarm says. In English, as the administration and the log are (docs/languages.md).

Only names of ours, ids, and addresses that a client or a handle is known by stand in it, each as plain text.
"""

from authserver.models import Alarm
from authserver.protocol import names

Kind = Alarm.Kind


def sentence(alarm: Alarm, *, is_over: bool = False) -> str:
    """Return what is wrong, or that it is over, in words."""
    if not is_over:
        return _WORDS[Kind(alarm.kind)](alarm)
    if alarm.closed_by_id is not None:
        return f"Closed by an administrator: {sentence(alarm)}"
    return _OVER[Kind(alarm.kind)].format(subject=_plain(alarm.subject))


def _doctor(alarm: Alarm) -> str:
    """At how many addresses, for a finding that is the same at all of them; else where."""
    examples, count = alarm.detail.get("examples"), int(alarm.detail.get("addresses", 0))
    if not examples or not count:
        return f"The doctor finds a fault: {_plain(alarm.subject)}."
    where = _plain(examples[0]) if count == 1 else f"{count} addresses, such as {_plain(examples[0])}"
    return f"The doctor finds the fault {_plain(alarm.detail.get('code'))} at {where}."


def _document(alarm: Alarm) -> str:
    members = ", ".join(map(_plain, alarm.detail.get("changed", [])))
    who = _plain(alarm.detail.get("well_known")) or "A client"
    return f"{who} changed its document, {_plain(alarm.subject)}: {members}."


def _refusals(alarm: Alarm) -> str:
    told = alarm.detail
    count, usual, callers = (int(told.get(name, 0)) for name in ("hour", "usual", "callers"))
    whence = "all from one caller" if callers == 1 else f"from {callers} callers"
    known = {0: "none is", 1: "1 is"}.get(usual, f"{usual} are")
    said = [f"{count} refusals for the reason {_plain(alarm.subject)} in an hour, {whence}; {known} usual."]
    said += [f"Most concern the {name} {_plain(told[name])}." for name in ("client", "handle") if name in told]
    return " ".join(said)


_WORDS = {Kind.DOCTOR_FAILED: _doctor, Kind.DOCUMENT_CHANGED: _document, Kind.REFUSALS_GROW: _refusals}
_OVER = {
    Kind.DOCTOR_FAILED: "It is over: the doctor no longer finds {subject}.",
    Kind.DOCUMENT_CHANGED: "It is over: {subject}.",
    Kind.REFUSALS_GROW: "It is over: refusals for the reason {subject} went back.",
}


def _plain(text: object) -> str:
    return names.plain(str(text or ""))
