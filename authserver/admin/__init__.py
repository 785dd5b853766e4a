"""The Django admin, for administrators. It reads rows and calls services; secrets are shown once, tokens never."""

from authserver.admin.alarms import AlarmAdmin
from authserver.admin.base import HiddenAdmin
from authserver.admin.catalog import ProtectedResourceAdmin, ResourceServerAdmin, ScopeAdmin, ScopeBundleAdmin
from authserver.admin.clients import ClientAdmin
from authserver.admin.connections import ConnectionAdmin
from authserver.admin.doctor import DoctorReportAdmin
from authserver.admin.events import EventAdmin
from authserver.admin.governance import ClientPolicyAdmin, ClientRuleAdmin
from authserver.admin.personal_tokens import PersonalAccessTokenAdmin
from authserver.admin.rehearsals import RehearsalAdmin
from authserver.admin.trace.steps import TraceStepAdmin

__all__ = [
    "AlarmAdmin",
    "ClientAdmin",
    "ClientPolicyAdmin",
    "ClientRuleAdmin",
    "ConnectionAdmin",
    "DoctorReportAdmin",
    "EventAdmin",
    "HiddenAdmin",
    "PersonalAccessTokenAdmin",
    "ProtectedResourceAdmin",
    "RehearsalAdmin",
    "ResourceServerAdmin",
    "ScopeAdmin",
    "ScopeBundleAdmin",
    "TraceStepAdmin",
]
