"""Lists by the page: by key, so that what is added meanwhile moves nothing, and no page costs more than the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api.fields import Limit, Strict
from authserver.protocol.control import cursors
from authserver.protocol.control.cursors import Moment
from authserver.services.moving import issuers


@dataclass(frozen=True)
class Order:
    """How a list is ordered: its columns, the rows beyond a cursor, and the cursor of a row."""

    columns: tuple[str, ...]
    beyond: Callable[[str], Q]
    cursor: Callable[[Any], str]


def _older(cursor: str) -> Q:
    at = cursors.moment(cursor)
    return Q(created_at__lt=at.at) | Q(created_at=at.at, pk__lt=at.id)


NEWEST_FIRST = Order(("-created_at", "-pk"), _older, lambda row: str(Moment(row.created_at, row.pk)))
LATEST_NUMBER_FIRST = Order(("-pk",), lambda cursor: Q(pk__lt=int(cursor)), lambda row: str(row.pk))
NUMBERED = Order(("pk",), lambda cursor: Q(pk__gt=int(cursor)), lambda row: str(row.pk))


class Paged(Strict):
    """What every list takes."""

    limit = Limit(help_text="How many, at most.")


def cursor_field(pattern: str) -> serializers.RegexField:
    told = {"invalid": "It is none of the cursors that `next` gives."}
    return serializers.RegexField(
        pattern, required=False, error_messages=told, help_text="Where to go on: take it from `next`."
    )


class ByMoment(Paged):
    after = cursor_field(cursors.MOMENT)


class ByNumber(Paged):
    after = cursor_field(cursors.NUMBER)


def rows_of(rows: QuerySet, order: Order, query: dict[str, Any]) -> tuple[list[Any], str | None]:
    """Return one page of these rows, and the cursor of the next one if there is any."""
    if query.get("after"):
        rows = rows.filter(order.beyond(query["after"]))
    limit = query["limit"]
    found = list(rows.order_by(*order.columns)[: limit + 1])
    return found[:limit], order.cursor(found[limit - 1]) if len(found) > limit else None


def slice_of(entries: Sequence[tuple[str, Any]], query: dict[str, Any]) -> tuple[list[Any], str | None]:
    """Return one page of entries that are paired with their cursors, in the order of those."""
    after, limit = query.get("after", ""), query["limit"]
    found = sorted((each for each in entries if each[0] > after), key=lambda each: each[0])
    return [entry for _, entry in found[:limit]], found[limit - 1][0] if len(found) > limit else None


def page(request: Request, items: Any, cursor: str | None) -> Response:
    """Answer with one page; `next` is the address of the following one, with the same filters, or null."""
    following = None
    if cursor:
        query = urlencode(request.query_params.dict() | {"after": cursor})
        following = f"{issuers.current()}{request.path}?{query}"
    return Response({"items": items, "next": following})
