"""The invitations of a handle: made by mail or as a link, listed while they are open, revoked. For its admins."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from authserver import policy
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, done, invalid, seat_at, stop
from authserver.api.fields import Choice, Number, Strict, body_of, query_of
from authserver.api.pages import ByMoment
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.services.standing import invitations
from authserver.services.standing.invitations import Offer
from authserver.throttles import AddingThrottle, CallerThrottle
from handles.access import Seat
from handles.models import Invitation
from handles.roles import Role

DAYS = [(each.days, f"{each.days} days") for each in policy.INVITATION_LIFETIMES]


class InvitationBody(Strict):
    email = serializers.EmailField(
        max_length=254, required=False, help_text="Whom to write to. Without it, the answer has a link."
    )
    role = Choice(shapes.SEATS)
    expires_in_days = Choice(DAYS)
    uses_max = Number(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=policy.INVITATION_USES_MAX,
        help_text="For how many people a link works: 1 without it, null for as many as come.",
    )


def open_at(seat: Seat) -> QuerySet[Invitation]:
    return invitations.is_open(timezone.now()).filter(handle=seat.handle)


def shown(seat: Seat, *rows: Invitation) -> list[dict[str, Any]]:
    context = {"worth": invitations.worth_something(rows, at=seat.handle)}
    return shapes.InvitationShape(rows, many=True, context=context).data


def offered(body: dict[str, Any]) -> Offer:
    if "email" in body and "uses_max" in body:
        raise invalid("uses_max", "An invitation by mail is for one person; leave this out.")
    lifetime = timedelta(days=body["expires_in_days"])
    return Offer(Role(body["role"]), lifetime, body.get("email", ""), body.get("uses_max", 1))


class InvitationsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle, AddingThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.MEMBERS_READ, "POST": ControlScope.MEMBERS_WRITE}

    @extend_schema(
        operation_id="list_invitations", parameters=[ByMoment], responses=shapes.listing(shapes.InvitationShape)
    )
    def get(self, request: Request, handle: str) -> Response:
        """List the open invitations, the newest first. Nobody sees the secret of a link."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        found, cursor = pages.rows_of(open_at(seat), pages.NEWEST_FIRST, query_of(request, ByMoment))
        return pages.page(request, shown(seat, *found), cursor)

    @extend_schema(operation_id="create_invitation", request=InvitationBody, responses={201: shapes.NewInvitationShape})
    def post(self, request: Request, handle: str) -> Response:
        """Invite one person by mail, or whoever is given the link, which is in this answer and nowhere else. Owners
        may offer any role, admins that of a member."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        offer = offered(body_of(request, InvitationBody))
        made = done(invitations.create(seat.handle, offer, by=request.user, now=timezone.now()))
        link = f"{settings.ISSUER}{reverse('invitations')}#{made.secret}" if made.secret else None
        context = {"link": link, "worth": {made.row.pk}}
        return Response(shapes.NewInvitationShape(made.row, context=context).data, status=201)


class InvitationView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.MEMBERS_READ, "DELETE": ControlScope.MEMBERS_WRITE}

    @extend_schema(operation_id="get_invitation", responses=shapes.InvitationShape)
    def get(self, request: Request, handle: str, invitation_id: UUID) -> Response:
        """Show one open invitation."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        return Response(shown(seat, _find(seat, invitation_id))[0])

    @extend_schema(operation_id="revoke_invitation", responses={204: None})
    def delete(self, request: Request, handle: str, invitation_id: UUID) -> Response:
        """Revoke an open invitation: nobody can accept it any more."""
        row = _find(seat_at(request, handle, needed=Role.ADMIN), invitation_id)
        if not invitations.revoke(row, by=request.user, now=timezone.now()):
            raise stop(Kind.CONFLICT, "It ended a moment ago.")
        return Response(status=204)


def _find(seat: Seat, invitation_id: UUID) -> Invitation:
    row = open_at(seat).filter(pk=invitation_id).first()
    if row is None:
        raise Http404
    return row
