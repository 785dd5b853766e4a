"""The tools of MCP servers as their resource servers publish them, and which of them admins approved for a handle."""

from django.conf import settings
from django.db import models

from authserver.models.catalog import ProtectedResource, ResourceServer
from handles.models import Handle


class Tool(models.Model):
    """One tool at one endpoint. `since` is the version of the endpoint's tools with which it got its power: a new
    tool, one that needs other scopes, or one that no longer only reads. One that a publication left out stays for a
    while, `gone_at` that time: shown to nobody, and withheld from whoever was never shown it."""

    protected_resource = models.ForeignKey(ProtectedResource, on_delete=models.CASCADE, related_name="tools")
    resource_server = models.ForeignKey(ResourceServer, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=128)
    title = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    scopes = models.TextField(blank=True, help_text="All of them are needed, separated by spaces.")
    is_read_only = models.BooleanField(default=False)
    is_destructive = models.BooleanField(default=True)
    is_open_world = models.BooleanField(default=True)
    since = models.PositiveIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    gone_at = models.DateTimeField(null=True, editable=False)
    absences = models.TextField(
        blank=True, default="", db_default="", editable=False, help_text="Versions without it, as 3-4 7-9."
    )

    class Meta:
        ordering = ["protected_resource", "resource_server", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["protected_resource", "resource_server", "name"], name="one_tool_of_a_name_per_server"
            )
        ]
        indexes = [models.Index(fields=["gone_at"], name="tools_gone", condition=models.Q(gone_at__isnull=False))]

    def __str__(self) -> str:
        return self.name


class ToolApproval(models.Model):
    """The version of an endpoint's tools that an admin of a handle approved for every connection to the handle."""

    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="tool_approvals")
    protected_resource = models.ForeignKey(ProtectedResource, on_delete=models.CASCADE, related_name="tool_approvals")
    version = models.PositiveIntegerField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="tool_approvals"
    )
    approved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["handle", "protected_resource"], name="one_tool_approval_per_endpoint")
        ]

    def __str__(self) -> str:
        return f"version {self.version} for {self.handle}"
