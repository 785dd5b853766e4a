"""What every page knows of the site."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from authserver.services.moving import issuers
from authserver.views.brand import files


@dataclass(frozen=True)
class Link:
    """A place of the deployment's own, elsewhere; `shown` is its host, or the address of a mailbox."""

    label: str
    url: str
    shown: str
    is_mail: bool = False

    @property
    def shown_in_mail(self) -> str:
        return self.shown if self.is_mail else self.url


def site(request: HttpRequest) -> dict[str, object]:
    own = {"stylesheet": files.stylesheet_url(), "logo": files.logo_url(), "is_demo": settings.DEMO}
    own["signs_in_elsewhere"] = bool(settings.SIGN_IN_WITH)
    return {"site": about() | own, "request_id": getattr(request, "request_id", "")}


def about() -> dict[str, object]:
    """Return what even a page knows that is shown because something broke: it asks nothing but the settings
    and the request."""
    here, *others = sorted(issuers.everywhere(), key=lambda issuer: issuer != issuers.current())
    hosts = ", ".join(urlsplit(issuer).netloc for issuer in others)
    return {"host": urlsplit(here).netloc, "other_hosts": hosts, "name": settings.BRAND_NAME, "links": links()}


def links() -> list[Link]:
    """Return the ways to help and to the small print that this deployment has."""
    places = (
        (_("Need help?"), settings.SUPPORT_URL),
        (_("Privacy"), settings.PRIVACY_URL),
        (_("Terms"), settings.TERMS_URL),
    )
    found = [Link(label, url, urlsplit(url).netloc) for label, url in places if url]
    if settings.SUPPORT_EMAIL:
        label = _("Write to us") if settings.SUPPORT_URL else _("Need help?")
        found.insert(
            1 if settings.SUPPORT_URL else 0,
            Link(label, f"mailto:{settings.SUPPORT_EMAIL}", settings.SUPPORT_EMAIL, is_mail=True),
        )
    return found
