"""What every page knows of the site."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

HOST = urlsplit(settings.ISSUER).netloc


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "site": {
            "host": HOST,
            "name": "Gatehouse",
            "is_demo": settings.DEMO,
            "signs_in_elsewhere": bool(settings.SIGN_IN_WITH),
        },
        "request_id": getattr(request, "request_id", ""),
    }
