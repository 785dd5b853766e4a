"""The event log of a handle. For its admins and owners."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, seat_at
from authserver.api.fields import Choice, Id, query_of
from authserver.models import Event
from authserver.protocol.control.scopes import ControlScope
from authserver.throttles import CallerThrottle
from handles.roles import Role

FILTERS = {"tag": "tag", "since": "at__gte", "until": "at__lt", "connection": "connection_id"}


class EventQuery(pages.ByNumber):
    tag = Choice(Event.Tag.choices, required=False)
    since = serializers.DateTimeField(required=False, help_text="From this moment on (RFC 3339).")
    until = serializers.DateTimeField(required=False, help_text="Before this moment (RFC 3339).")
    connection = Id(required=False, help_text="A connection's id.")


class EventsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.EVENTS_READ}

    @extend_schema(operation_id="list_events", parameters=[EventQuery], responses=shapes.listing(shapes.EventShape))
    def get(self, request: Request, handle: str) -> Response:
        """List what happened at a handle, the latest first."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        query = query_of(request, EventQuery)
        asked: dict[str, Any] = {column: query[name] for name, column in FILTERS.items() if name in query}
        rows = Event.objects.filter(handle=seat.handle.slug, **asked)
        found, cursor = pages.rows_of(rows, pages.LATEST_NUMBER_FIRST, query)
        return pages.page(request, shapes.EventShape(found, many=True).data, cursor)
