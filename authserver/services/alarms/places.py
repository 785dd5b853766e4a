"""Where in the administration an alarm is, and what it is about."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from authserver.models import Alarm

Kind = Alarm.Kind


def page(alarm: Alarm) -> str:
    """Return the path of its own page, where it is closed."""
    return reverse("admin:authserver_alarm_change", args=[alarm.pk])


def address(alarm: Alarm) -> str:
    """Return the address of its own page, for who is told elsewhere."""
    return settings.ISSUER + page(alarm)


def about(alarm: Alarm) -> str:
    """Return the path of the list that shows what it is about: reports of the doctor, the client, refused steps."""
    asked = {
        Kind.DOCTOR_FAILED: ("doctorreport", _refused_with(alarm.detail.get("code"))),
        Kind.DOCUMENT_CHANGED: ("client", {"q": alarm.subject}),
        Kind.REFUSALS_GROW: ("tracestep", _refused_with(alarm.subject)),
    }
    model, query = asked[Kind(alarm.kind)]
    try:
        return f"{reverse(f'admin:authserver_{model}_changelist')}?{urlencode(query)}"
    except NoReverseMatch:  # no list of these here
        return page(alarm)


def _refused_with(code: object) -> dict[str, str]:
    return {"ok__exact": "0"} | ({"code__exact": str(code)} if code else {})
