"""The addresses of the API, below /api/v1/."""

from django.urls import path

from authserver.api import attempts, clients, connections, events, handles, me, openapi, tokens
from authserver.api.people import invitations, joining, members

HANDLE = "handles/<str:handle>"
CONNECTION = f"{HANDLE}/connections/<uuid:connection_id>"
JOIN_REQUEST = f"{HANDLE}/join-requests/<int:join_request_id>"
OWN = "me/connections/<uuid:connection_id>"

urlpatterns = [
    path("openapi.json", openapi.OpenApiView.as_view()),
    path("problems", openapi.ProblemsView.as_view()),
    path("me", me.MeView.as_view()),
    path("me/connections", me.OwnConnectionsView.as_view()),
    path(OWN, me.OwnConnectionView.as_view()),
    path(f"{OWN}/pause", me.OwnPauseView.as_view()),
    path(f"{OWN}/resume", me.OwnResumeView.as_view()),
    path(f"{OWN}/scopes", me.OwnScopesView.as_view()),
    path(f"{OWN}/wishes", me.WishesView.as_view()),
    path(f"{OWN}/wishes/<int:wish_id>/allow", me.AllowWishView.as_view()),
    path(f"{OWN}/wishes/<int:wish_id>/decline", me.DeclineWishView.as_view()),
    path("attempts/<str:attempt_id>", attempts.AttemptView.as_view()),
    path("handles", handles.HandlesView.as_view()),
    path(HANDLE, handles.HandleView.as_view()),
    path(f"{HANDLE}/status", handles.StatusView.as_view()),
    path(f"{HANDLE}/members", members.MembersView.as_view()),
    path(f"{HANDLE}/members/<uuid:person_id>", members.MemberView.as_view()),
    path(f"{HANDLE}/invitations", invitations.InvitationsView.as_view()),
    path(f"{HANDLE}/invitations/<uuid:invitation_id>", invitations.InvitationView.as_view()),
    path(f"{HANDLE}/join-requests", joining.JoinRequestsView.as_view()),
    path(f"{JOIN_REQUEST}/accept", joining.AcceptJoinRequestView.as_view()),
    path(f"{JOIN_REQUEST}/decline", joining.DeclineJoinRequestView.as_view()),
    path(f"{HANDLE}/connections", connections.ConnectionsView.as_view()),
    path(CONNECTION, connections.ConnectionView.as_view()),
    path(f"{CONNECTION}/pause", connections.PauseView.as_view()),
    path(f"{CONNECTION}/resume", connections.ResumeView.as_view()),
    path(f"{CONNECTION}/withheld-scopes", connections.WithheldScopesView.as_view()),
    path(f"{HANDLE}/clients", clients.ClientsView.as_view()),
    path(f"{HANDLE}/clients/decision", clients.DecisionView.as_view()),
    path(f"{HANDLE}/client-policy", clients.ClientPolicyView.as_view()),
    path(f"{HANDLE}/events", events.EventsView.as_view()),
    path(f"{HANDLE}/tokens", tokens.TokensView.as_view()),
    path(f"{HANDLE}/tokens/<uuid:token_id>", tokens.TokenView.as_view()),
    path(f"{HANDLE}/resources", handles.ResourcesView.as_view()),
    path(f"{HANDLE}/usage", handles.UsageView.as_view()),
]
