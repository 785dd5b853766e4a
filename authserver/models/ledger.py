"""What makes the audit rows a ledger: every event is linked to the one before it, and whole months are sealed.

Database triggers refuse to change or remove rows of events, links and seals (migration 0005_ledger_triggers). The next
migration that makes SQLite build one of these tables anew drops them with it: it has to put them back.
"""

from django.db import models


class LedgerState(models.Model):
    """One row: the lock of whoever links, whether removing sealed months is allowed just now, and what the last
    verification found."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    is_open = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True)
    verified_link_id = models.BigIntegerField(default=0, help_text="Up to which link it went.")
    fault = models.TextField(blank=True, help_text="The first that it found, as a sentence.")

    def __str__(self) -> str:
        return "ledger"


class LedgerLink(models.Model):
    """One event's place in the chain: `hash` covers the link before it and all that the event says.

    Links have an order of their own, that in which events were seen: ids of events are given before they commit. Ids of
    links have no gaps: whoever links gives them.
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
