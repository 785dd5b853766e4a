"""Members of a handle. For its admins and owners; whoever is a member may leave."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, done, seat_at, stop
from authserver.api.fields import Choice, Strict, body_of, query_of
from authserver.api.pages import ByNumber
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.services.standing import members
from authserver.throttles import AddingThrottle, CallerThrottle
from handles.models import Handle, Membership
from handles.roles import Role

# One answer for an address that nobody has, that nobody proved, and whose person was deactivated.
NOT_ADDABLE = "Ask the person to sign up here and to confirm the address, then try again."


class MemberBody(Strict):
    email = serializers.EmailField(max_length=254)
    role = Choice(shapes.SEATS)


class RoleBody(Strict):
    role = Choice(shapes.SEATS)


def seat_of(handle: Handle, person_id: UUID) -> Membership:
    found = Membership.objects.filter(handle=handle, user=person_id).select_related("user").first()
    if found is None:
        raise Http404
    return found


class MembersView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle, AddingThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.MEMBERS_READ, "POST": ControlScope.MEMBERS_WRITE}

    @extend_schema(operation_id="list_members", parameters=[ByNumber], responses=shapes.listing(shapes.MemberShape))
    def get(self, request: Request, handle: str) -> Response:
        """List the members, who came first first. For admins of the handle."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        rows = Membership.objects.filter(handle=seat.handle).select_related("user")
        found, cursor = pages.rows_of(rows, pages.NUMBERED, query_of(request, ByNumber))
        return pages.page(request, shapes.MemberShape(found, many=True).data, cursor)

    @extend_schema(operation_id="add_member", request=MemberBody, responses={201: shapes.MemberShape})
    def post(self, request: Request, handle: str) -> Response:
        """Add a person who has an account here, at once. Owners may give any role, admins that of a member."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        body = body_of(request, MemberBody)
        user = members.find(body["email"])
        if user is None:
            raise stop(Kind.NOT_ADDABLE, NOT_ADDABLE)
        added = done(members.add(seat.handle, user, Role(body["role"]), by=request.user, now=timezone.now()))
        return Response(shapes.MemberShape(added).data, status=201)


class MemberView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {
        "GET": ControlScope.MEMBERS_READ,
        "PATCH": ControlScope.MEMBERS_WRITE,
        "DELETE": ControlScope.MEMBERS_WRITE,
    }

    @extend_schema(operation_id="get_member", responses=shapes.MemberShape)
    def get(self, request: Request, handle: str, person_id: UUID) -> Response:
        """Show one member. For admins of the handle."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        return Response(shapes.MemberShape(seat_of(seat.handle, person_id)).data)

    @extend_schema(operation_id="set_member_role", request=RoleBody, responses=shapes.MemberShape)
    def patch(self, request: Request, handle: str, person_id: UUID) -> Response:
        """Give a member another role; what their apps and tokens may do changes with it at once."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        body = body_of(request, RoleBody)
        user = seat_of(seat.handle, person_id).user
        changed = done(members.set_role(seat.handle, user, Role(body["role"]), by=request.user, now=timezone.now()))
        return Response(shapes.MemberShape(changed).data)

    @extend_schema(operation_id="remove_member", responses={204: None})
    def delete(self, request: Request, handle: str, person_id: UUID) -> Response:
        """Remove a member, or leave. Their connections and tokens at this handle end with it."""
        own = person_id == request.user.pk
        seat = seat_at(request, handle, needed=Role.MEMBER if own else Role.ADMIN)
        user: User = seat_of(seat.handle, person_id).user
        done(members.remove(seat.handle, user, by=request.user, now=timezone.now()))
        return Response(status=204)
