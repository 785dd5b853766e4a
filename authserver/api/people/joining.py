"""Who asks to become a member of a handle, and the answers. For its admins."""

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, done, seat_at
from authserver.api.fields import query_of
from authserver.api.pages import ByNumber
from authserver.protocol.control.scopes import ControlScope
from authserver.services.standing import joining
from authserver.throttles import CallerThrottle
from handles.models import JoinRequest
from handles.roles import Role


def waiting_at(request: Request, slug: str) -> QuerySet[JoinRequest]:
    """Return who waits for an answer at a handle of which the caller is an admin."""
    seat = seat_at(request, slug, needed=Role.ADMIN)
    return JoinRequest.objects.filter(handle=seat.handle, declined_at=None).select_related("user", "handle")


def find(request: Request, slug: str, join_request_id: int) -> JoinRequest:
    row = waiting_at(request, slug).filter(pk=join_request_id).first()
    if row is None:
        raise Http404
    return row


class JoinRequestsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.MEMBERS_READ}

    @extend_schema(
        operation_id="list_join_requests", parameters=[ByNumber], responses=shapes.listing(shapes.JoinRequestShape)
    )
    def get(self, request: Request, handle: str) -> Response:
        """List who asks to become a member and waits for an answer."""
        rows = waiting_at(request, handle)
        found, cursor = pages.rows_of(rows, pages.NUMBERED, query_of(request, ByNumber))
        return pages.page(request, shapes.JoinRequestShape(found, many=True).data, cursor)


class AcceptJoinRequestView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": ControlScope.MEMBERS_WRITE}

    @extend_schema(operation_id="accept_join_request", request=None, responses=shapes.MemberShape)
    def post(self, request: Request, handle: str, join_request_id: int) -> Response:
        """Make the person who asked a member; they get mail."""
        row = find(request, handle, join_request_id)
        added = done(joining.accept(row, by=request.user, now=timezone.now()))
        return Response(shapes.MemberShape(added).data)


class DeclineJoinRequestView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"POST": ControlScope.MEMBERS_WRITE}

    @extend_schema(operation_id="decline_join_request", request=None, responses={204: None})
    def post(self, request: Request, handle: str, join_request_id: int) -> Response:
        """Say no; the person is not told, and may ask again after 30 days."""
        row = find(request, handle, join_request_id)
        done(joining.decline(row, by=request.user, now=timezone.now()))
        return Response(status=204)
