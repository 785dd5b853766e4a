"""A client's document on its page: word for word, and what changed in it since the version before. What it says is
somebody else's: it is shown as text, never as a link."""

from datetime import datetime
from difflib import ndiff

from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

LINE_LENGTH_MAX = 300  # of a line that is shown
KINDS = {"- ": "removed", "+ ": "added", "  ": "kept"}


def at(moment: datetime) -> str:
    return formats.localize(timezone.localtime(moment)) + " UTC"


def page_of(content: str) -> SafeString:
    """Return a document as it is kept: indented, its members sorted, in ASCII, so that look-alike letters show."""
    return format_html('<pre class="document">{}</pre>', "\n".join(_lines(content)))


def comparison(before: str, after: str, *, changed_at: datetime) -> SafeString:
    """Return what went and what came between two versions, line by line, each marked by a sign and a word."""
    words = {"removed": _("Removed"), "added": _("Added"), "kept": ""}
    found = [(KINDS[line[:2]], line[2:]) for line in ndiff(_lines(before), _lines(after)) if line[:2] in KINDS]
    signs = {"removed": "−", "added": "+", "kept": " "}
    rows = format_html_join(
        "",
        '<tr class="{}"><th scope="row"><span aria-hidden="true">{}</span> {}</th><td><code>{}</code></td></tr>',
        [(kind, signs[kind], words[kind], text) for kind, text in found],
    )
    said = _("It changed on %(time)s.") % {"time": at(changed_at)}
    return format_html('<p>{}</p><table class="document">{}</table>', said, rows)


def _lines(content: str) -> list[str]:
    return [line if len(line) <= LINE_LENGTH_MAX else f"{line[:LINE_LENGTH_MAX]}…" for line in content.split("\n")]
