"""What makes the audit rows a ledger: every event is linked to the one before it, and whole months are sealed.

Database triggers refuse to change or remove rows of these tables (docs/decisions.md).
"""

from django.db import models


class LedgerState(models.Model):
    """One row: the lock of whoever links, and whether removing sealed months is allowed just now."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    is_open = models.BooleanField(default=False)

    def __str__(self) -> str:
        return "ledger"


class LedgerLink(models.Model):
    """One event's place in the chain: `hash` covers the link before it and all that the event says.

    Links have an order of their own, that in which events were seen: ids of events are given before they commit.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.BigIntegerField(unique=True)
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"link {self.pk}"


class LedgerSeal(models.Model):
    """A month that is closed: how many events, up to which link, and our signature over it."""

    month = models.DateField(primary_key=True, help_text="Its first day.")
    first_link_id = models.BigIntegerField()
    last_link_id = models.BigIntegerField()
    event_count = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32, help_text="Of its last link.")
    signature = models.TextField(help_text="A JWS over the above, by a key of jwks_uri.")
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ["month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
