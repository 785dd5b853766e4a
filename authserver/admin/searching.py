"""Searches over a million rows by who they belong to: people, handles and clients are looked up first, then the rows by
their keys, which have indexes."""

from django.db.models import Q, QuerySet

from accounts.models import User
from authserver.admin.lists import begins_with
from authserver.models import Client
from handles.models import Handle

NAMED_MAX = 200  # people, handles or clients that one word may stand for; who wants others types more of it


def found_among(word: str, *, people: str = "", handles: str = "", clients: str = "") -> Q:
    """Return the condition that a row belongs to somebody whose e-mail address, or to a handle whose name, begins with
    this word, or to a client with this in its name or as its id. Each is the name of the row's field, or empty."""
    found = Q(pk__in=[])
    small = word.lower()
    if people:
        found |= Q(**{f"{people}__in": _keys(User.objects.filter(begins_with("email", small)))})
    if handles:
        found |= Q(**{f"{handles}__in": _keys(Handle.objects.filter(begins_with("slug", small.removeprefix("@"))))})
    if clients:
        named = Client.objects.filter(Q(client_id=word) | Q(name__icontains=word))
        found |= Q(**{f"{clients}__in": _keys(named)})
    return found


def _keys(rows: QuerySet) -> list[object]:
    return list(rows.order_by().values_list("pk", flat=True)[:NAMED_MAX])
