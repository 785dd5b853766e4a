"""What templates need to speak several languages: the words of the catalog, and the list to choose from."""

from typing import Any

from django import template
from django.conf import settings
from django.utils.translation import get_language

from authserver.languages import choice
from authserver.languages.catalog import catalog_text

register = template.Library()
register.filter("catalog_text", catalog_text)
register.filter("language_tag", choice.tag_of)


@register.inclusion_tag("includes/languages.html", takes_context=True)
def language_switch(context: dict[str, Any]) -> dict[str, Any]:
    """Draw the choice of languages, which leads back to this page. One that came back from a form has another address
    to return to: its `page.next`, the request that the form is about. A dead end repeats no address that a stranger
    wrote; there the browser says where it was."""
    request = context.get("request")
    back = getattr(context.get("page"), "next", "") or (request.get_full_path() if request else "/")
    back = "" if "error" in context else back
    offered = [(code, choice.tag_of(code), name) for code, name in settings.LANGUAGES]
    return {"back": back, "languages": offered, "current": get_language()}
