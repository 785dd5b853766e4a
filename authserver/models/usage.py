"""How much a connection is used: counted per day, from what resource servers ask and report.

No constraint ties these rows to their connections: PostgreSQL would lock the connection to check one, and counting must
neither wait for an act on a connection nor hold one up. What belongs to a connection that is gone is passed over.
"""

from django.db import models

from authserver.models.catalog import ResourceServer
from authserver.models.connections import Connection


class Outcome(models.TextChoices):
    """How a tool call ended, as far as the resource server's gate knows."""

    ALLOWED = "allowed", "Allowed"
    INSUFFICIENT_SCOPE = "insufficient_scope", "Scope missing"
    LIMITED = "limited", "Too many calls"


class ToolCall(models.Model):
    """Calls as a resource server reported them; added to `ToolUse` and removed by the roll-up."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    resource_server = models.ForeignKey(ResourceServer, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    tool = models.CharField(max_length=128)
    scopes = models.CharField(max_length=400, blank=True, help_text="What the call needed, separated by spaces.")
    outcome = models.CharField(max_length=18, choices=Outcome.choices)
    count = models.PositiveIntegerField(default=1)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"tool calls #{self.pk}"


class ToolUse(models.Model):
    """How often one connection called one tool on one day (UTC)."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_constraint=False, related_name="tool_uses")
    day = models.DateField()
    tool = models.CharField(max_length=128)
    scopes = models.CharField(max_length=400, blank=True)
    outcome = models.CharField(max_length=18, choices=Outcome.choices)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "day", "tool", "scopes", "outcome"], name="one_row_per_tool_and_day"
            )
        ]
        indexes = [models.Index(fields=["day", "id"], name="tool_use_by_day")]  # for the purge

    def __str__(self) -> str:
        return f"tool use #{self.pk}"


class ConnectionUse(models.Model):
    """How often resource servers asked about one connection's credentials on one day (UTC)."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_constraint=False, related_name="uses")
    day = models.DateField()
    introspections = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "day"], name="one_row_per_connection_and_day")]
        indexes = [models.Index(fields=["day", "id"], name="connection_use_by_day")]  # for the purge

    def __str__(self) -> str:
        return f"use #{self.pk}"
