"""What the doctor found last at each MCP address, to be looked at."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import LargeAdmin
from authserver.models import DoctorReport
from authserver.services.endpoints import words
from authserver.services.endpoints.words import Told


@admin.register(DoctorReport)
class DoctorReportAdmin(LargeAdmin, ReadOnlyAdmin):
    list_display = ("url", "handle", "profile", "ok", "failed_since", "step", "code", "at")
    list_filter = ("ok", "kind", "profile")
    begin_fields = ("handle", "url")
    sortable_by = ()
    search_help_text = gettext_lazy("The beginning of a handle or of an address.")
    fields = ("url", "handle", "kind", "profile", "at", "ok", "failed_since", "walk")
    readonly_fields = ("walk",)

    @admin.display(description=gettext_lazy("steps"))
    def walk(self, row: DoctorReport) -> SafeString:
        return format_html(
            "<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((_step(each),) for each in words.told(row)))
        )


def _step(told: Told) -> SafeString:
    lines = format_html_join(
        "",
        "<br><code>{}</code>",
        ((f"{sign} {line}",) for sign, line in (("→", told.sent), ("←", told.got)) if line),
    )
    said = format_html_join("", "<br>{}<br>{}", ((each.cause, each.fix) for each in told.found))
    return format_html("<b>{}:</b> {}{}{}", told.title, told.word, said, lines)
