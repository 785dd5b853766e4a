"""What is kept for telling people which step of a connection failed: steps for days, faults that are rehearsed, what
the doctor found last, and what operators are told.

Steps are a sample and a help, no evidence: that is what events are for. They hold no secret, no e-mail address, and of
an address of the network only a digest.
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from authserver.models.connections import Connection
from authserver.protocol.trace.steps import Kind


class TraceStep(models.Model):
    """One step of a connection attempt (`protocol.trace.steps.Step`). Only ever added and purged, and tied to nothing:
    which steps belong together is found out when somebody looks."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in Kind])
    ok = models.BooleanField()
    code = models.CharField(max_length=80, blank=True)
    request_id = models.CharField(max_length=36, blank=True, db_index=True)
    flow = models.CharField(max_length=22, blank=True)
    origin = models.CharField(max_length=22, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    client_id = models.CharField(max_length=255, blank=True)
    resource = models.CharField(max_length=500, blank=True)
    handle = models.CharField(max_length=40, blank=True)
    person_id = models.UUIDField(null=True)
    connection_id = models.UUIDField(null=True)
    count = models.PositiveIntegerField(default=1, db_default=1)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = "step of an attempt"
        verbose_name_plural = "steps of attempts"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["flow"], condition=~models.Q(flow=""), name="trace_by_flow"),
            models.Index(fields=["origin", "at"], name="trace_by_origin"),
            models.Index(fields=["client_id", "at"], condition=~models.Q(client_id=""), name="trace_by_client"),
            models.Index(fields=["resource", "at"], condition=~models.Q(resource=""), name="trace_by_resource"),
            models.Index(fields=["handle", "-id"], condition=~models.Q(handle=""), name="trace_by_handle"),
            models.Index(fields=["person_id", "-id"], condition=~models.Q(person_id=None), name="trace_by_person"),
            models.Index(
                fields=["connection_id", "-id"], condition=~models.Q(connection_id=None), name="trace_by_connection"
            ),
            models.Index(fields=["code", "at"], condition=models.Q(ok=False), name="trace_refusals"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Rehearsal(models.Model):
    """A fault that one connection of a handle for testing meets once, on purpose."""

    class Fault(models.TextChoices):
        EXPIRY = "expiry", _("The credential expires early")
        REFRESH_RACE = "refresh_race", _("Somebody else refreshes first")
        LOST_ANSWER = "lost_answer", _("The answer to a refresh is lost")
        REVOCATION = "revocation", _("Access is revoked")
        MISSING_SCOPE = "missing_scope", _("A scope is missing")
        HANDLE_MISMATCH = "handle_mismatch", _("The MCP session belongs to another handle")
        CLOCK_SKEW = "clock_skew", _("A new credential counts as expired")
        UNAVAILABLE = "unavailable", _("The server is unavailable (503)")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="rehearsals")
    fault = models.CharField(max_length=16, choices=Fault.choices)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)
    met_at = models.DateTimeField(null=True, help_text="When the client met the fault.")
    ended_at = models.DateTimeField(null=True, help_text="When everything was as before again, or it was called off.")
    detail = models.JSONField(default=dict, help_text="What has to be put back, and what the client did.")

    class Meta:
        ordering = ["-set_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(ended_at=None), name="one_rehearsal_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.fault} for {self.connection_id}"


class DoctorReport(models.Model):
    """What the doctor found last at one MCP endpoint, walking as one kind of client."""

    id = models.BigAutoField(primary_key=True)
    handle = models.CharField(max_length=40, blank=True, db_index=True, help_text="Empty: the gateway, for everybody.")
    url = models.CharField(max_length=500)
    kind = models.CharField(max_length=13, blank=True, db_default="", help_text="Of the address: hosted, gateway …")
    profile = models.CharField("as", max_length=20)
    at = models.DateTimeField("checked at")
    ok = models.BooleanField("good")
    failed_since = models.DateTimeField(null=True)
    step = models.CharField("failed step", max_length=20, blank=True, db_default="")
    code = models.CharField("fault", max_length=80, blank=True, db_default="")
    steps = models.JSONField(default=list)

    class Meta:
        verbose_name = "report of the doctor"
        verbose_name_plural = "reports of the doctor"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["url", "profile"], name="one_report_per_url_and_profile")]
        indexes = [
            models.Index(fields=["at"], name="doctor_oldest_first"),
            models.Index(fields=["kind", "code"], condition=models.Q(ok=False), name="doctor_faults"),
        ]

    def __str__(self) -> str:
        return f"{self.url} as {self.profile}"


class Alarm(models.Model):
    """Something that whoever runs this server is told: on the administration's first page, by mail and by webhook."""

    class Kind(models.TextChoices):
        DOCTOR_FAILED = "doctor_failed", "The doctor fails at an MCP endpoint"
        DOCUMENT_CHANGED = "document_changed", "A client changed its document"
        REFUSALS_GROW = "refusals_grow", "Refusals of one kind grow"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(max_length=500, help_text="The address, the client id or the reason that it is about.")
    opened_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1, db_default=1)
    detail = models.JSONField(default=dict)
    closed_at = models.DateTimeField(null=True, help_text="When it was over, or an administrator closed it.")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(closed_at=None), name="one_open_alarm_per_subject"
            )
        ]
        indexes = [models.Index(fields=["last_at"], name="alarms_oldest_first")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"


class AlarmTelling(models.Model):
    """One thing that operators are told about an alarm, on one way to them: that there is one, or that it is over."""

    class Channel(models.TextChoices):
        MAIL = "mail", "Mail"
        WEBHOOK = "webhook", "Webhook"

    id = models.BigAutoField(primary_key=True)
    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="tellings")
    channel = models.CharField(max_length=7, choices=Channel.choices)
    is_over = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alarm", "channel", "is_over"],
                condition=models.Q(sent_at=None),
                name="one_telling_waits_at_a_time",
            )
        ]
        indexes = [
            models.Index(fields=["channel", "next_attempt_at"], condition=models.Q(sent_at=None), name="alarms_to_tell")
        ]

    def __str__(self) -> str:
        return f"telling #{self.pk}"
