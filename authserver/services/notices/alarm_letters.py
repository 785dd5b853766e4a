"""What the letter to operators says about alarms: the sentences as they stood when it was owed, and where to look."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authserver.models import Notice
from authserver.services.notices.letters import Letter, closing, moment

PATH = "/admin/authserver/alarm/?status=open"


def compose(notice: Notice) -> Letter:
    """Return what this notice says."""
    said, more = [str(line) for line in notice.facts["said"]], int(notice.facts["more"])
    if more:
        said.append(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
    return Letter(
        subject=f"{settings.BRAND_NAME}: {_('Something needs a look')}",
        greeting=_("Hello,"),
        lead=_("This server noticed something that whoever runs it should know."),
        list_lead=_("New is:"),
        scopes=tuple(said),
        facts=((_("When"), moment(notice.created_at)),),
        advice=_("While it goes on you are told again after some hours, and once when it is over. To see all of it:"),
        steps=((_("Look at the open alarms"), settings.ISSUER + PATH),),
        closing=closing(),
    )
