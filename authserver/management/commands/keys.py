"""`manage.py keys`: how the rotation of keys and secrets stands, and everything that is done about it by hand."""

import secrets
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authserver import policy
from authserver.models import InitialAccessToken, ResourceServer
from authserver.services import clients, resource_servers
from authserver.services.batches import Pace
from authserver.services.receipts import keys
from authserver.services.registration import initial_access
from authserver.services.rotation import resting, status, use
from authserver.services.rotation.resting import Resting

KEY_BYTES = 48
HOLDERS: dict[str, tuple[Callable[[str], Any], Callable[..., str | None], Callable[..., bool]]] = {
    "client": (clients.find, clients.rotate_secret, clients.end_former_secret),
    "resource-server": (
        lambda key: ResourceServer.objects.filter(pk=key).first(),
        resource_servers.renew_secret,
        resource_servers.end_former_secret,
    ),
    "initial-access-token": (
        lambda key: InitialAccessToken.objects.filter(pk=key).first(),
        initial_access.renew_secret,
        initial_access.end_former_secret,
    ),
}
STEPS = """This is a new SECRET_KEY. It is nowhere yet:
1. Add it to SECRET_KEY_FALLBACKS of every node, and restart them: now each believes what it will sign.
   (With one node only, leave this step out.)
2. Make it SECRET_KEY of every node, put the former one into SECRET_KEY_FALLBACKS, and restart them.
3. After an hour what rests under the former one is sealed anew by itself; `manage.py keys status` says how far it is.
4. When it says so, drop the former one from SECRET_KEY_FALLBACKS."""


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it mends what they find
    help = "Say how keys and secrets stand (status), change one (rotate), end a former one (end-former), or seal anew."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        told = acts.add_parser("status", help="which key since when, what rests under former ones, what may be dropped")
        told.add_argument("--all", action="store_true", help=f"look at more than {policy.KEYS_LOOKED_AT_MAX} of a kind")
        turn = acts.add_parser("rotate", help="make the next one; the former one works on for a while")
        turn.add_argument("what", choices=["signing", "secret-key", *HOLDERS])
        turn.add_argument("id", nargs="?", default="", help="of the client, resource server or initial access token")
        former = acts.add_parser("end-former", help="end the former secret before its week is over")
        former.add_argument("what", choices=[*HOLDERS])
        former.add_argument("id")
        acts.add_parser("reseal", help="seal under today's SECRET_KEY what rests under a former one, now")

    def handle(self, *args: Any, **options: Any) -> None:
        acts = {"status": self._status, "rotate": self._rotate, "end-former": self._end, "reseal": self._reseal}
        acts[options["act"]](options)

    def _say(self, text: str) -> None:
        self.stdout.write(text)

    # --- status

    def _status(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        found = status.secret_key(now=now, limit=None if options["all"] else policy.KEYS_LOOKED_AT_MAX)
        self._say("Signing keys (`keys rotate signing`; by themselves every 90 days)")
        for key in status.signing_keys():
            state = f"retired {key.retired_at:%Y-%m-%d %H:%M} UTC" if key.retired_at else "published"
            self._say(f"  {key.kid}  signs from {key.signs_from:%Y-%m-%d %H:%M} UTC  {state}")
        since = f"since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else "not noted yet since when"
        self._say(f"SECRET_KEY {found.name}, {since}")
        for each in found.resting:
            self._say(f"  {_sentence(each)}")
        for former in found.formers:
            verdict = f"keep it: {'; '.join(former.needed)}" if former.needed else "nothing needs it: drop it"
            self._say(f"  fallback {former.place}, {former.name}: {verdict}")
        for overlap in status.overlaps(now=now):
            until = f", the last until {overlap.until:%Y-%m-%d %H:%M} UTC" if overlap.until else ""
            self._say(f"Former secrets that work, {overlap.kind}: {overlap.count}{until}")

    # --- rotate, end-former, reseal

    def _rotate(self, options: dict[str, Any]) -> None:
        what, key = options["what"], options["id"]
        if bool(key) != (what in HOLDERS):
            raise CommandError("An id is needed." if what in HOLDERS else "There is no id to this.")
        if what == "signing":
            self._rotate_signing()
        elif what == "secret-key":
            self._say(secrets.token_urlsafe(KEY_BYTES))
            self.stderr.write(STEPS)
        else:
            self._renew(what, key)

    def _rotate_signing(self) -> None:
        if not keys.rotate(now=timezone.now()):
            raise CommandError("Another process made the next key in this moment.")
        newest = status.signing_keys()[0]
        self._say(f"{newest.kid}  signs from {newest.signs_from:%Y-%m-%d %H:%M} UTC")

    def _renew(self, what: str, key: str) -> None:
        row = _row(what, key)
        renew: Any = HOLDERS[what][1]
        secret = renew(row, by=None, now=timezone.now()) if what == "client" else renew(row)
        if secret is None:
            raise CommandError("This is a public client: it has no secret.")
        self._say(secret)
        if until := row.previous_secret_expires_at:
            self.stderr.write(f"The former one works on until {until:%Y-%m-%d %H:%M} UTC.")

    def _end(self, options: dict[str, Any]) -> None:
        row = _row(options["what"], options["id"])
        if not HOLDERS[options["what"]][2](row, now=timezone.now()):
            raise CommandError("There is no former secret that still works.")
        self._say("The former secret works no longer.")

    def _reseal(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        use.take_up(now=now, again=True)
        for kind, count in resting.reseal(now=now, pace=Pace(policy.RESEAL_RUN_BY_HAND)).items():
            self._say(f"{kind}: {count} sealed anew")


def _row(what: str, key: str) -> Any:
    try:
        row = HOLDERS[what][0](key)
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise CommandError(f"There is no {what} of this id.")
    return row


def _sentence(found: Resting) -> str:
    """Return what of one kind rests where: `second factors: 10 under it, 2 under fallback 1`."""
    names = {0: "under it", None: "under a key that is not here"}
    places = sorted(found.under.items(), key=lambda item: (item[0] is None, item[0] or 0))
    told = ", ".join(f"{count} {names.get(place, f'under fallback {place}')}" for place, count in places)
    more = "" if found.is_complete else "; there are more: `--all` looks at all"
    return f"{found.kind}: {told or 'none'}{more}"
