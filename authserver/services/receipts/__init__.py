"""Revocation receipts: resource servers that remember answers are told what changed, and say that they heard.

An act calls `session_revoked` or `claims_changed` in its own transaction; what is owed is written there and delivered
behind the request, by push (RFC 8935) or when it is polled for (RFC 8936). `sentence` and `in_force` tell a
person who heard.
"""

from authserver.services.receipts.outbox import Subject, claims_changed, session_revoked
from authserver.services.receipts.tally import in_force, sentence

__all__ = ["Subject", "claims_changed", "in_force", "sentence", "session_revoked"]
