"""The last letter to an address: its account is gone. Whoever did not do that themselves must learn of it."""

from django.conf import settings
from django.utils.translation import gettext as _

from authserver.models import Notice
from authserver.services.notices.letters import Letter, closing, moment, ways_to_help


def compose(notice: Notice) -> Letter:
    """Return what this notice says."""
    return Letter(
        subject=f"{settings.BRAND_NAME}: {_('Your account was deleted')}",
        greeting=_("Hello,"),
        lead=_("The account with this address was deleted. Every app that was connected with it has lost access."),
        list_lead="",
        scopes=(),
        facts=((_("When"), moment(notice.created_at)),),
        advice=_(
            "If this was not you, tell the people who run this server at once. This is the last letter: the address is "
            "not kept here any more."
        ),
        steps=ways_to_help(),
        closing=closing(),
    )
