"""Mail to a person about what happened to their access: owed in the transaction of the act, sent behind the request."""

from authserver.services.notices.delivery import are_due, forget_old, owe, send_due

__all__ = ["are_due", "forget_old", "owe", "send_due"]
