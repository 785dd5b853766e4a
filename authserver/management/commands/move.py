"""`manage.py move`: how far a move to another name is, and what to tell those who still come by the old one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from authserver import policy
from authserver.services.moving import notices, status
from authserver.services.moving.status import Former, Left

HEAD = f"  {'connections':>11} {'people':>8} {'7 days':>8} {'30 days':>8}  {'last used':10}  client"


class Command(BaseCommand):
    help = "A move of the issuer or of the MCP addresses: status."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        told = acts.add_parser(
            "status", help="who still comes by a former name, and who would be cut off by closing it"
        )
        told.add_argument("--notices", action="store_true", help="with a text for the people of each client")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        formers = status.formers(now=now)
        if not formers:
            self.stdout.write("No former name is served (docs/operate/move.md).")
            return
        for former in formers:
            self._tell(former)
        if any(former.what == "issuer" for former in formers) and (count := status.unknown(now=now)):
            self.stdout.write(f"{count:,} connections in use have not come for credentials since this is noted.")
        if options["notices"]:
            self._tell_notices(formers)

    def _tell_notices(self, formers: list[Former]) -> None:
        """Write one text for each client, however many names it comes by: adding it again once mends all of them."""
        told = {left.client_id: notices.notice(former, left) for former in reversed(formers) for left in former.left}
        for text in told.values():
            self.stdout.write(f"\n{text}")

    def _tell(self, former: Former) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"{former.what}: {former.name} → {former.today}"))
        if former.left:
            self.stdout.write(HEAD)
        for left in former.left[: policy.MOVE_CLIENTS_SHOWN]:
            self._tell_client(left)
        if (more := len(former.left) - policy.MOVE_CLIENTS_SHOWN) > 0:
            self.stdout.write(f"  and {more:,} more clients")
        if former.streams:
            self.stdout.write(f"  {former.streams:,} streams of security events: restart their MCP servers first.")
        self.stdout.write(f"  {_verdict(former)}")

    def _tell_client(self, left: Left) -> None:
        day = f"{left.last_used_at:%Y-%m-%d}" if left.last_used_at else "never"
        counts = f"{left.connections:>11,} {left.people:>8,} {left.used_in_week:>8,} {left.used_in_month:>8,}"
        self.stdout.write(f"  {counts}  {day:10}  {left.client_name} ({left.client_id})")


def _verdict(former: Former) -> str:
    clients = sum(1 for each in former.left if each.used_in_month)
    if not former.used_in_month:
        return "Closing it now would cut off nobody who was there within 30 days."
    return f"Closing it now would cut off {former.used_in_month:,} connections of {clients:,} clients in use."
