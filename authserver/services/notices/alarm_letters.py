"""What the letter to operators says about alarms: the sentences as they stood when it was owed, and where to look. In
English, as the administration is."""

from django.conf import settings

from authserver.models import Notice
from authserver.services.notices.letters import Letter, closing, moment

PATH = "/admin/authserver/alarm/?status=open"


def compose(notice: Notice) -> Letter:
    """Return what this notice says."""
    said, more = [str(line) for line in notice.facts["said"]], int(notice.facts["more"])
    subject, lead = "Something needs a look", "This server noticed something that whoever runs it should know."
    advice = "While it goes on you are told again after some hours, and once when it is over. To see all of it:"
    if notice.facts["is_over"]:
        subject, lead, advice = "It is over", "What this server told you of is over.", "To see what is still open:"
    return Letter(
        subject=f"{settings.BRAND_NAME}: {subject}",
        greeting="Hello,",
        lead=lead,
        list_lead="New is:",
        scopes=(*said, f"and {more} more") if more else tuple(said),
        facts=(("When", moment(notice.created_at)),),
        advice=advice,
        steps=(("Look at the open alarms", settings.ISSUER + PATH),),
        closing=closing(),
    )
