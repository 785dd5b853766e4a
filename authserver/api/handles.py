"""Handles, their MCP addresses, and how much they are used."""

from dataclasses import asdict, dataclass

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.connections import visible_at
from authserver.api.door import Door, StrictJson, done, invalid, owned_at, seat_at, stop
from authserver.api.fields import Choice, Strict, Text, body_of, query_of
from authserver.api.pages import ByMoment
from authserver.models import Connection
from authserver.protocol.control import cursors
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.services import catalog
from authserver.services.endpoints import reports
from authserver.services.standing import founding, ownership
from authserver.services.usage import figures
from authserver.services.usage.figures import Figures
from authserver.throttles import CallerThrottle
from handles import access
from handles.models import Handle


class HandleQuery(pages.Paged):
    after = pages.cursor_field(cursors.SLUG)


class SettingsBody(Strict):
    name = Text(required=False, min_length=1, max_length=founding.DISPLAY_NAME_LENGTH_MAX, help_text="For people.")
    visibility = Choice(Handle.Visibility.choices, required=False)


class StatusBody(Strict):
    status = Choice(Handle.Status.choices)


class HandlesView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.HANDLE_READ}

    @extend_schema(operation_id="list_handles", parameters=[HandleQuery], responses=shapes.listing(shapes.HandleShape))
    def get(self, request: Request) -> Response:
        """List the handles that the caller is a member of, suspended ones too; a token has only its own."""
        query = query_of(request, HandleQuery)
        seats = [(seat.handle.slug, seat) for seat in access.seats_of(request.user)]
        if request.auth is not None:
            seats = [each for each in seats if each[1].handle.pk == request.auth.handle_id]
        found, cursor = pages.slice_of(seats, query)
        return pages.page(request, shapes.HandleShape(found, many=True).data, cursor)


class HandleView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.HANDLE_READ, "PATCH": ControlScope.HANDLE_WRITE}

    @extend_schema(operation_id="get_handle", responses=shapes.HandleShape)
    def get(self, request: Request, handle: str) -> Response:
        """Show one handle."""
        return Response(shapes.HandleShape(seat_at(request, handle)).data)

    @extend_schema(operation_id="set_handle", request=SettingsBody, responses=shapes.HandleShape)
    def patch(self, request: Request, handle: str) -> Response:
        """Change its settings; what is left out stays. Made private, guests lose access at once. For its owners."""
        seat = owned_at(request, handle)
        body = body_of(request, SettingsBody)
        visibility = Handle.Visibility(body["visibility"]) if "visibility" in body else None
        changed = ownership.change(
            seat.handle, display_name=body.get("name"), visibility=visibility, by=request.user, now=timezone.now()
        )
        if changed == founding.DISPLAY_NAME:
            raise invalid("name", founding.DISPLAY_NAME.description)
        done(changed)
        return Response(shapes.HandleShape(owned_at(request, handle)).data)


class StatusView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"PUT": ControlScope.HANDLE_WRITE}

    @extend_schema(operation_id="set_handle_status", request=StatusBody, responses=shapes.HandleShape)
    def put(self, request: Request, handle: str) -> Response:
        """Suspend a handle, so that nothing works there any more, or activate one that an owner suspended. For its
        owners, signed in: a token would end with the handle and could not bring it back."""
        seat = owned_at(request, handle)
        status = Handle.Status(body_of(request, StatusBody)["status"])
        if request.auth is not None:
            raise stop(Kind.PERSON_NEEDED, "Sign in and do it on the page of settings.")
        done(ownership.set_status(seat.handle, status, by=request.user, now=timezone.now()))
        return Response(shapes.HandleShape(owned_at(request, handle)).data)


class ResourcesView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.RESOURCES_READ}

    @extend_schema(operation_id="get_resources", responses=shapes.ResourcesShape)
    def get(self, request: Request, handle: str) -> Response:
        """Show the MCP addresses of a handle, and which one is canonical."""
        endpoints = catalog.endpoints_of(seat_at(request, handle).handle)
        canonical = next((each.url for each in endpoints if each.is_canonical), None)
        last = reports.last([each.url for each in endpoints])
        rows = [asdict(each) | {"last_check": last.get(each.url)} for each in endpoints]
        return Response(shapes.ResourcesShape({"canonical": canonical, "endpoints": rows}).data)


@dataclass(frozen=True)
class Use:
    connection: Connection
    figures: Figures


class UsageView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.USAGE_READ}

    @extend_schema(operation_id="list_usage", parameters=[ByMoment], responses=shapes.listing(shapes.UseShape))
    def get(self, request: Request, handle: str) -> Response:
        """Show how much each live connection was used in 30 days: an admin sees everybody's, a member their own."""
        rows = visible_at(request, seat_at(request, handle)).filter(ended_at=None)
        found, cursor = pages.rows_of(rows, pages.NEWEST_FIRST, query_of(request, ByMoment))
        counted = figures.of(found, timezone.now())
        uses = [Use(row, counted[row.pk]) for row in found]
        return pages.page(request, shapes.UseShape(uses, many=True).data, cursor)
