"""The life of a connection: approved, exchanged, refreshed, changed, ended. One room per stage; the verbs are called by
this package's name.

Every act locks the connection first and reads what hangs on it afterwards; so what a revocation ended, no exchange or
refresh that was under way can revive.
"""

from authserver.models import Connection
from authserver.services.connections.approval import CHANGED, SIGNED_OUT, Approval, Approved, approve, deny
from authserver.services.connections.changes import allow_scopes, pause, resume, withhold
from authserver.services.connections.ending import end_if_nobody_holds_it, revoke, revoke_all, revoke_by_token
from authserver.services.connections.exchange import exchange, exchange_all
from authserver.services.connections.issuing import AGAIN, LOST, Arrived, Issued, Lost, Outcome
from authserver.services.connections.refresh import refresh, refresh_all
from authserver.services.connections.standing import held, lock
from authserver.services.connections.wishes import allow_wish, decline_wish, waiting_for, wish

EndReason = Connection.EndReason
PausedBy = Connection.PausedBy

__all__ = [
    "AGAIN", "CHANGED", "LOST", "SIGNED_OUT", "Approval", "Approved", "Arrived", "EndReason", "Issued", "Lost",
    "Outcome", "PausedBy", "allow_scopes", "allow_wish", "approve", "decline_wish", "deny", "end_if_nobody_holds_it",
    "exchange", "exchange_all", "held", "lock", "pause", "refresh", "refresh_all", "resume", "revoke", "revoke_all",
    "revoke_by_token", "waiting_for", "wish", "withhold",
]  # fmt: skip
