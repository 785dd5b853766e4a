"""What the API answers with. Rows go in, JSON comes out; members are added, never renamed."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from accounts.models import User
from authserver.models import Connection, Event, PersonalAccessToken, ScopeRequest
from authserver.protocol.governance import Decision, Mode, Outcome
from authserver.protocol.governance import Kind as EntryKind
from handles.models import Handle, Invitation
from handles.roles import Role

SEATS = [choice for choice in Role.choices if choice[0] != Role.PUBLIC]
STATUSES = [("active", "Active"), ("paused", "Paused"), ("ended", "Ended")]


def listing(item: type[serializers.BaseSerializer]) -> serializers.Serializer:
    """Return the shape of one page of these."""
    name = f"{item.__name__.removesuffix('Shape')}Page"
    fields = {"items": item(many=True), "next": serializers.URLField(allow_null=True, help_text="The following page.")}
    return inline_serializer(name, fields)


class PersonShape(serializers.Serializer):
    id = serializers.UUIDField(source="pk")
    email = serializers.EmailField()
    name = serializers.CharField(source="display_name")


class HandleShape(serializers.Serializer):
    """A handle, and the caller's role there."""

    handle = serializers.CharField(source="handle.slug")
    name = serializers.CharField(source="handle.display_name")
    visibility = serializers.ChoiceField(Handle.Visibility.choices, source="handle.visibility")
    status = serializers.ChoiceField(Handle.Status.choices, source="handle.status")
    role = serializers.ChoiceField(SEATS, help_text="The caller's.")
    created_at = serializers.DateTimeField(source="handle.created_at")


class MemberShape(serializers.Serializer):
    person = PersonShape(source="user")
    role = serializers.ChoiceField(SEATS)
    created_at = serializers.DateTimeField()


class InvitationShape(serializers.Serializer):
    """An open invitation, without the secret of its link."""

    id = serializers.UUIDField(source="pk")
    email = serializers.SerializerMethodField(help_text="Whom it is for; null: whoever holds its link.")
    role = serializers.ChoiceField(SEATS)
    uses = serializers.IntegerField(help_text="How many came by it.")
    uses_max = serializers.IntegerField(allow_null=True, help_text="Null: as many as come before it expires.")
    made_by = PersonShape()
    is_worth_something = serializers.SerializerMethodField(help_text="Whether its maker may still give this role.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    @extend_schema_field(serializers.EmailField(allow_null=True))
    def get_email(self, row: Invitation) -> str | None:
        return row.email or None

    def get_is_worth_something(self, row: Invitation) -> bool:
        return row.pk in self.context["worth"]


class NewInvitationShape(InvitationShape):
    """As it was made. `link` is shown this once."""

    link = serializers.SerializerMethodField(help_text="Holds the secret; null where it went by mail.")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_link(self, row: Invitation) -> str | None:
        return self.context["link"]


class JoinRequestShape(serializers.Serializer):
    """Somebody who waits for an answer."""

    id = serializers.IntegerField(source="pk")
    person = PersonShape(source="user")
    asked_at = serializers.DateTimeField()


class ConnectedClientShape(serializers.Serializer):
    client_id = serializers.CharField()
    name = serializers.CharField()
    is_verified = serializers.BooleanField()


class ConnectionShape(serializers.Serializer):
    """One person's standing approval of one client. `scopes` is what it carries; each call is capped by the person's
    role besides."""

    id = serializers.UUIDField(source="pk")
    person = PersonShape(source="user")
    client = ConnectedClientShape()
    handle = serializers.CharField(source="handle.slug")
    resource = serializers.CharField(help_text="The MCP address it is for.")
    status = serializers.SerializerMethodField()
    scopes = serializers.ListField(child=serializers.CharField(), source="scope_list")
    withheld_scopes = serializers.SerializerMethodField()
    paused_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(help_text="When its person last allowed it.")
    last_used_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(STATUSES))
    def get_status(self, row: Connection) -> str:
        return "ended" if not row.is_live else "paused" if row.paused_at else "active"

    def get_withheld_scopes(self, row: Connection) -> list[str]:
        return row.withheld_scopes.split()

    @extend_schema_field(serializers.ChoiceField(Connection.PausedBy.choices, allow_null=True))
    def get_paused_by(self, row: Connection) -> str | None:
        return row.paused_by or None

    @extend_schema_field(serializers.ChoiceField(Connection.EndReason.choices, allow_null=True))
    def get_end_reason(self, row: Connection) -> str | None:
        return row.end_reason or None


class OwnConnectionShape(ConnectionShape):
    """As its person sees it: with what may be ticked again, and where it was used from."""

    approved_scopes = serializers.SerializerMethodField(help_text="All that was ever allowed here.")
    last_address = serializers.CharField(allow_null=True)
    last_agent = serializers.CharField()

    def get_approved_scopes(self, row: Connection) -> list[str]:
        return row.approved_scopes.split()


class WishShape(serializers.Serializer):
    """A scope that a connection's client tried to use without having it."""

    id = serializers.IntegerField(source="pk")
    scope = serializers.CharField()
    tool = serializers.CharField(help_text="What was called, as its server says.")
    count = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    last_asked_at = serializers.DateTimeField()
    decision = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(ScopeRequest.Decision.choices, allow_null=True))
    def get_decision(self, row: ScopeRequest) -> str | None:
        return row.decision or None


class ClientEntryShape(serializers.Serializer):
    """One entry of a handle's client list: a client by its id, or all registrations of one product by what they say
    of themselves."""

    id = serializers.CharField(help_text="Stands for kind and value; `after` takes it.")
    kind = serializers.ChoiceField(EntryKind.choices, source="listed.entry.kind")
    value = serializers.CharField(source="listed.entry.value")
    name = serializers.CharField(source="listed.name")
    is_verified = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField(help_text="The handle's own word; null where it has none.")
    outcome = serializers.ChoiceField(Outcome.choices, source="listed.verdict.outcome", help_text="What holds now.")
    registrations = serializers.IntegerField(source="listed.use.registrations")
    people = serializers.IntegerField(source="listed.use.people")
    connections = serializers.IntegerField(source="listed.use.connections")
    last_used_at = serializers.DateTimeField(source="listed.use.last_used_at", allow_null=True)

    def get_is_verified(self, entry: Any) -> bool:
        return bool(entry.listed.client and entry.listed.client.is_verified)

    @extend_schema_field(serializers.ChoiceField(Decision.choices, allow_null=True))
    def get_decision(self, entry: Any) -> str | None:
        return entry.listed.rule.decision if entry.listed.rule else None


class ClientPolicyShape(serializers.Serializer):
    mode = serializers.ChoiceField(Mode.choices)


class EventShape(serializers.Serializer):
    """One row of the event log (docs/events.md describes each tag)."""

    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    tag = serializers.ChoiceField(Event.Tag.choices)
    actor = serializers.ChoiceField(Event.Actor.choices)
    actor_id = serializers.CharField()
    person_id = serializers.UUIDField(allow_null=True)
    client_id = serializers.CharField()
    connection_id = serializers.UUIDField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    detail = serializers.DictField(child=serializers.JSONField())


class TokenShape(serializers.Serializer):
    """A personal access token, without its secret."""

    id = serializers.UUIDField(source="pk")
    person = PersonShape(source="user")
    name = serializers.CharField()
    hint = serializers.CharField(help_text="Its last four characters.")
    scopes = serializers.ListField(child=serializers.CharField(), source="scope_list")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class NewTokenShape(TokenShape):
    """As it was made. `secret` is shown this once."""

    secret = serializers.SerializerMethodField()

    def get_secret(self, row: PersonalAccessToken) -> str:
        return self.context["secret"]


class EndpointCheckShape(serializers.Serializer):
    answers = serializers.BooleanField(
        source="ok", help_text="Whether clients find their way from there to this server."
    )
    checked_at = serializers.DateTimeField(source="at")


class EndpointShape(serializers.Serializer):
    kind = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="What a client is given.")
    stage = serializers.CharField()
    is_active = serializers.BooleanField()
    is_canonical = serializers.BooleanField(help_text="The one to give to new clients.")
    last_check = EndpointCheckShape(allow_null=True, help_text="Of the page MCP & Tools; null where none is known.")


class ResourcesShape(serializers.Serializer):
    """The MCP addresses of a handle."""

    canonical = serializers.CharField(allow_null=True)
    endpoints = EndpointShape(many=True)


class UseShape(serializers.Serializer):
    """How much one connection was used in the last 30 days."""

    connection_id = serializers.UUIDField(source="connection.pk")
    person = PersonShape(source="connection.user")
    client = ConnectedClientShape(source="connection.client")
    calls = serializers.IntegerField(source="figures.calls", help_text="Tool calls that its servers reported.")
    introspections = serializers.IntegerField(source="figures.introspections", help_text="How often servers asked.")


class OwnTokenShape(serializers.Serializer):
    id = serializers.UUIDField(source="pk")
    handle = serializers.CharField(source="handle.slug")
    scopes = serializers.ListField(child=serializers.CharField(), source="scope_list")
    expires_at = serializers.DateTimeField()


class MeShape(PersonShape):
    """Who calls. `csrf_token` is for sessions, `token` for tokens; the other is null."""

    csrf_token = serializers.SerializerMethodField()
    token = serializers.SerializerMethodField()

    def get_csrf_token(self, user: User) -> str | None:
        return self.context["csrf_token"]

    @extend_schema_field(OwnTokenShape(allow_null=True))
    def get_token(self, user: User) -> dict[str, Any] | None:
        token = self.context["token"]
        return OwnTokenShape(token).data if token else None


class FieldErrorShape(serializers.Serializer):
    field = serializers.CharField(help_text="Dotted where it lies deeper.")
    detail = serializers.CharField()


class ProblemShape(serializers.Serializer):
    """Problem details (RFC 9457)."""

    type = serializers.CharField(help_text="Which kind; /api/v1/problems lists them.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The id of the request, as in X-Request-Id.")
    errors = FieldErrorShape(many=True, required=False)
    scope = serializers.CharField(required=False, help_text="What the token lacks.")


class ProblemKindShape(serializers.Serializer):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
