"""The clients that a handle knows: those it has spoken of, and those with live connections. One entry for all
registrations of one product. Reads only, a handful of queries however many clients there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, Max, Q, QuerySet, Value, When

from authserver.models import Client, ClientPolicy, ClientRule, Connection
from authserver.protocol.governance import Decision, Entry, Kind, Mode, Verdict, verdict
from authserver.services.governance.verdicts import SELF_REGISTERED, facts_of
from handles.models import Handle


@dataclass(frozen=True)
class Use:
    """How much an entry's clients are used at one handle now."""

    registrations: int = 0
    people: int = 0
    connections: int = 0
    last_used_at: datetime | None = None


@dataclass(frozen=True)
class Listed:
    """One entry at one handle. `client` is its newest registration, None where nobody knows the id yet."""

    entry: Entry
    client: Client | None
    rule: ClientRule | None
    use: Use
    verdict: Verdict

    @property
    def name(self) -> str:
        return (self.client.name if self.client else self.rule.client_name if self.rule else "") or self.entry.value

    @property
    def waits(self) -> bool:
        return self.rule is not None and self.rule.decision == Decision.PENDING


def mode_at(handle: Handle) -> Mode:
    """Return what this handle does about clients that it has no rule for."""
    mode = ClientPolicy.objects.filter(handle=handle).values_list("mode", flat=True).first() or Mode.ALL
    return Mode(mode) if mode in Mode.values else Mode.LISTED  # what the code does not know lets nobody in


def listed_at(handle: Handle) -> list[Listed]:
    """Return every entry of this handle: who waits longest first, then by name."""
    mode = mode_at(handle)
    rows = ClientRule.objects.filter(handle=handle).select_related("asked_by")
    rules = {Entry(rule.kind, rule.value): rule for rule in rows}
    uses = _uses(handle, rules)
    faces = _faces({*rules, *uses})
    found = [
        Listed(entry, faces.get(entry), rules.get(entry), uses.get(entry, Use()), _verdict(entry, faces, rules, mode))
        for entry in {*rules, *uses}
    ]
    return sorted(found, key=lambda each: (not each.waits, each.name.casefold(), each.entry.value))


def find(handle: Handle, entry: Entry) -> Listed | None:
    """Return this entry of this handle, or None where the handle does not know it."""
    return next((each for each in listed_at(handle) if each.entry == entry), None)


def _verdict(entry: Entry, faces: dict[Entry, Client], rules: dict[Entry, ClientRule], mode: Mode) -> Verdict:
    """Return what holds for an entry: its own rule, then, for a single registration, that of its fingerprint."""
    face = faces.get(entry)
    wider = [facts_of(face).entry] if face and entry.kind == Kind.CLIENT_ID else []
    words = [rules[each].decision for each in (entry, *wider) if each in rules]
    return verdict(mode, words, is_verified=bool(face and face.is_verified))


def _uses(handle: Handle, rules: Iterable[Entry]) -> dict[Entry, Use]:
    live = Connection.objects.filter(handle=handle, ended_at=None)
    grouped = Q(client__registration_source=SELF_REGISTERED) & ~Q(client__fingerprint="")
    kind = Case(When(grouped, then=Value(Kind.FINGERPRINT.value)), default=Value(Kind.CLIENT_ID.value))
    value = Case(When(grouped, then=F("client__fingerprint")), default=F("client__client_id"))
    # A single registration that has a rule of its own is counted for itself too.
    single = [entry.value for entry in rules if entry.kind == Kind.CLIENT_ID]
    of_rules = live.filter(client__client_id__in=single)
    return _count(live, kind, value) | _count(of_rules, Value(Kind.CLIENT_ID.value), F("client__client_id"))


def _count(rows: QuerySet[Connection], kind: Case | Value, value: Case | F) -> dict[Entry, Use]:
    counted = (
        rows.annotate(kind=kind, value=value)
        .order_by()
        .values_list("kind", "value")
        .annotate(Count("client", distinct=True), Count("user", distinct=True), Count("pk"), Max("last_used_at"))
    )
    return {Entry(kind, value): Use(*use) for kind, value, *use in counted}


def _faces(entries: Iterable[Entry]) -> dict[Entry, Client]:
    """Return the newest client of each entry that has any."""
    ids = [entry.value for entry in entries if entry.kind == Kind.CLIENT_ID]
    prints = [entry.value for entry in entries if entry.kind == Kind.FINGERPRINT]
    alike = Client.objects.filter(registration_source=SELF_REGISTERED, fingerprint__in=prints)
    newest = alike.order_by().values("fingerprint").annotate(newest=Max("pk")).values("newest")
    found = {Entry(Kind.FINGERPRINT.value, each.fingerprint): each for each in Client.objects.filter(pk__in=newest)}
    return found | {
        Entry(Kind.CLIENT_ID.value, each.client_id): each for each in Client.objects.filter(client_id__in=ids)
    }
