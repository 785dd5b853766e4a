"""Which clients a handle lets in. For its admins and owners."""

import hashlib
from dataclasses import dataclass

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver import policy
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, seat_at
from authserver.api.fields import Choice, Strict, Text, body_of, query_of
from authserver.protocol.control import cursors
from authserver.protocol.control.scopes import ControlScope
from authserver.protocol.governance import Decision, Entry, Kind, Mode
from authserver.services.governance import client_list, decisions
from authserver.services.governance.client_list import Listed
from authserver.throttles import CallerThrottle
from handles.roles import Role

WORDS = [(each.value, each.label) for each in (Decision.ALLOW, Decision.BLOCK)]


@dataclass(frozen=True)
class Numbered:
    """An entry under an id of fixed form, since a client id may be any text or address."""

    listed: Listed

    @property
    def id(self) -> str:
        entry = self.listed.entry
        return hashlib.sha256(f"{entry.kind} {entry.value}".encode()).hexdigest()[:32]


class ClientQuery(pages.Paged):
    after = pages.cursor_field(cursors.DIGEST)
    decision = Choice(Decision.choices, required=False, help_text="Only entries with this word of the handle.")


class DecisionBody(Strict):
    kind = Choice(Kind.choices)
    value = Text(min_length=1, max_length=policy.CLIENT_ID_LENGTH_MAX, trim_whitespace=False)
    decision = Choice(WORDS)


class PolicyBody(Strict):
    mode = Choice(Mode.choices)


class ClientsView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.CLIENTS_READ}

    @extend_schema(
        operation_id="list_clients", parameters=[ClientQuery], responses=shapes.listing(shapes.ClientEntryShape)
    )
    def get(self, request: Request, handle: str) -> Response:
        """List the clients that a handle knows: those it has spoken of, and those with live connections."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        query = query_of(request, ClientQuery)
        entries = [Numbered(each) for each in client_list.listed_at(seat.handle)]
        if "decision" in query:
            entries = [each for each in entries if each.listed.rule and each.listed.rule.decision == query["decision"]]
        found, cursor = pages.slice_of([(each.id, each) for each in entries], query)
        return pages.page(request, shapes.ClientEntryShape(found, many=True).data, cursor)


class DecisionView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"PUT": ControlScope.CLIENTS_WRITE}

    @extend_schema(operation_id="decide_client", request=DecisionBody, responses=shapes.ClientEntryShape)
    def put(self, request: Request, handle: str) -> Response:
        """Allow or block a client, known here or not yet; it holds from the next question on. A block ends nothing."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        body = body_of(request, DecisionBody)
        entry = Entry(body["kind"], body["value"])
        decisions.decide(seat.handle, entry, Decision(body["decision"]), by=request.user, now=timezone.now())
        listed = next(each for each in client_list.listed_at(seat.handle) if each.entry == entry)
        return Response(shapes.ClientEntryShape(Numbered(listed)).data)


class ClientPolicyView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.CLIENTS_READ, "PUT": ControlScope.CLIENTS_WRITE}

    @extend_schema(operation_id="get_client_policy", responses=shapes.ClientPolicyShape)
    def get(self, request: Request, handle: str) -> Response:
        """Show what a handle does about clients that it has no word on."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        return Response(shapes.ClientPolicyShape({"mode": client_list.mode_at(seat.handle).value}).data)

    @extend_schema(operation_id="set_client_policy", request=PolicyBody, responses=shapes.ClientPolicyShape)
    def put(self, request: Request, handle: str) -> Response:
        """Set it; it holds from the next question on. Only `ask` keeps who is in."""
        seat = seat_at(request, handle, needed=Role.ADMIN)
        mode = Mode(body_of(request, PolicyBody)["mode"])
        decisions.set_policy(seat.handle, mode, by=request.user, now=timezone.now())
        return Response(shapes.ClientPolicyShape({"mode": mode.value}).data)
