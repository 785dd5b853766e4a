"""Personal access tokens at a handle: a person's own; an admin sees and ends everybody's."""

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authserver import policy
from authserver.api import pages, shapes
from authserver.api.callers import CALLERS, MayCall
from authserver.api.door import Door, StrictJson, invalid, is_admin, seat_at, stop
from authserver.api.fields import Choice, Strict, Text, Words, body_of, query_of
from authserver.models import PersonalAccessToken
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from authserver.protocol.errors import Refusal
from authserver.services import personal_tokens
from authserver.throttles import CallerThrottle
from handles.access import Seat

DAYS = [(each.days, f"{each.days} days") for each in policy.PERSONAL_TOKEN_LIFETIMES]
FIELDS = {"personal_token:name": "name", "personal_token:no_scope": "scopes", "personal_token:scope": "scopes"}


class TokenQuery(pages.ByMoment):
    status = Choice([("live", "Live"), ("ended", "Ended or expired")], required=False)


class TokenBody(Strict):
    name = Text(min_length=1, max_length=policy.TOKEN_NAME_LENGTH_MAX, help_text="What it is for.")
    scopes = Words(min_length=1, help_text="Never more than the role reaches, or than the token that asks has.")
    expires_in_days = Choice(DAYS)


def visible_at(request: Request, seat: Seat) -> QuerySet[PersonalAccessToken]:
    rows = PersonalAccessToken.objects.filter(handle=seat.handle).select_related("user", "handle")
    return rows if is_admin(seat) else rows.filter(user=request.user)


class TokensView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.TOKENS_READ, "POST": ControlScope.TOKENS_WRITE}

    @extend_schema(operation_id="list_tokens", parameters=[TokenQuery], responses=shapes.listing(shapes.TokenShape))
    def get(self, request: Request, handle: str) -> Response:
        """List the personal access tokens at a handle, the newest first: an admin sees everybody's, a member their
        own. Nobody sees a secret."""
        rows, query = visible_at(request, seat_at(request, handle)), query_of(request, TokenQuery)
        alive = personal_tokens.live(timezone.now()).values("pk")
        if "status" in query:
            rows = rows.filter(pk__in=alive) if query["status"] == "live" else rows.exclude(pk__in=alive)
        found, cursor = pages.rows_of(rows, pages.NEWEST_FIRST, query)
        return pages.page(request, shapes.TokenShape(found, many=True).data, cursor)

    @extend_schema(operation_id="create_token", request=TokenBody, responses={201: shapes.NewTokenShape})
    def post(self, request: Request, handle: str) -> Response:
        """Make a token for oneself; its secret is in this answer and nowhere else. A token makes none that could do
        more than itself, or that outlives it."""
        seat = seat_at(request, handle)
        body = body_of(request, TokenBody)
        lifetime, now = timedelta(days=body["expires_in_days"]), timezone.now()
        parent: PersonalAccessToken | None = request.auth
        if parent is not None and set(body["scopes"]) - set(personal_tokens.effective_scopes(parent, now)):
            raise invalid("scopes", "A token gives no scope that it does not have.")
        if parent is not None and now + lifetime > parent.expires_at:
            raise invalid("expires_in_days", "A token makes none that outlives it.")
        made = personal_tokens.create(
            request.user, seat.handle, name=body["name"], scopes=body["scopes"], lifetime=lifetime, now=now
        )
        if isinstance(made, Refusal):
            raise _refused(made)
        return Response(shapes.NewTokenShape(made[0], context={"secret": made[1]}).data, status=201)


def _refused(refusal: Refusal) -> Exception:
    field = FIELDS.get(refusal.reason)
    return invalid(field, refusal.description) if field else stop(Kind.CONFLICT, refusal.description)


class TokenView(Door):
    authentication_classes = CALLERS
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]
    parser_classes = [StrictJson]
    scopes = {"GET": ControlScope.TOKENS_READ, "DELETE": ControlScope.TOKENS_WRITE}

    @extend_schema(operation_id="get_token", responses=shapes.TokenShape)
    def get(self, request: Request, handle: str, token_id: UUID) -> Response:
        """Show one token, without its secret."""
        return Response(shapes.TokenShape(_find(request, handle, token_id)).data)

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, handle: str, token_id: UUID) -> Response:
        """End a token: it is refused from the next request on. Ending it twice is once."""
        personal_tokens.revoke(_find(request, handle, token_id), by=request.user, now=timezone.now())
        return Response(status=204)


def _find(request: Request, slug: str, token_id: UUID) -> PersonalAccessToken:
    row = visible_at(request, seat_at(request, slug)).filter(pk=token_id).first()
    if row is None:
        raise Http404
    return row
