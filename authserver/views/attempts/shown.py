"""An attempt as pages show it: to who may see all of it, and to anybody with a link."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.models import User
from authserver.models import Client
from authserver.protocol import client_ids
from authserver.services.trace import words
from authserver.services.trace.reading import Read
from authserver.views.attempts.lines import Line, lines_of
from handles import access
from handles.models import Handle


@dataclass(frozen=True)
class Shown:
    """`state` is `good`, `failed` or `running`. `person` is what the viewer may know of who it was."""

    id: str
    state: str
    code: str
    sentence: str
    next_step: str
    client: str
    client_host: str
    handle: str
    resource: str
    person: str
    began_at: datetime
    last_at: datetime
    is_live: bool
    lines: tuple[Line, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def monogram(self) -> str:
        return next((letter for letter in self.client if letter.isalnum()), "?").upper()


def cards(found: Sequence[Read], *, now: datetime, viewer: User | None = None) -> list[Shown]:
    """Return attempts for a list, with a fixed number of queries; with a `viewer`, who it was each time."""
    names = _names(found)
    people = _people(found, viewer) if viewer else {}
    return [_shown(each, names, people, now) for each in found]


def whole(found: Read, *, viewer: User, now: datetime) -> Shown:
    """Return one attempt with its timeline."""
    shown = _shown(found, _names([found]), _people([found], viewer), now)
    lines = tuple(lines_of(found))
    return replace(shown, lines=lines, before=found.attempt.before, after=found.attempt.after)


def redacted(found: Read, *, now: datetime) -> Shown:
    """Return one attempt for whoever has the link: the app, the handle and the steps; nothing of a person, no program
    by name, no id that leads further."""
    shown = _shown(found, _names([found]), {}, now)
    lines = tuple(replace(line, agent="") for line in lines_of(found))
    return replace(shown, id="", lines=lines)


def _shown(found: Read, names: dict[str, str], people: dict[str, str], now: datetime) -> Shown:
    attempt, verdict = found.attempt, found.verdict
    state = "good" if verdict.is_good else "failed" if verdict.is_over else "running"
    return Shown(
        id=attempt.id,
        state=state,
        code=verdict.code,
        sentence=words.sentence(verdict),
        next_step=words.next_step(verdict),
        client=names.get(attempt.client_id, "") or _("An app"),
        client_host=_host(attempt.client_id),
        handle=attempt.handle,
        resource=attempt.resource,
        person=people.get(str(attempt.person_id), ""),
        began_at=attempt.began_at,
        last_at=attempt.last_at,
        is_live=found.is_live(now),
    )


def _host(client_id: str) -> str:
    """Return the host that a client's id proves, or nothing where it is no address."""
    return client_ids.host_of(client_id) if urlsplit(client_id).scheme in ("http", "https") else ""


def _names(found: Sequence[Read]) -> dict[str, str]:
    ids = {each.attempt.client_id for each in found} - {""}
    return dict(Client.objects.filter(client_id__in=ids).values_list("client_id", "name")) if ids else {}


def _people(found: Sequence[Read], viewer: User) -> dict[str, str]:
    """Return who it was, as far as the viewer may know: themselves, and members of the handle by name."""
    told = {str(viewer.pk): _("You")}
    others = {each.attempt.person_id for each in found if each.attempt.person_id not in (None, viewer.pk)}
    users = list(User.objects.filter(pk__in=others)) if others else []
    if viewer.is_staff:
        return {str(user.pk): user.name for user in users} | told
    for slug in {each.attempt.handle for each in found} if users else ():
        handle = Handle.objects.filter(slug=slug).first()
        members = access.roles_of(handle, users) if handle else {}
        told |= {str(user.pk): user.name for user in users if user.pk in members}
    return told
