"""What only the database knows: what rests in it under SECRET_KEY, and who still comes by a former name. Looked at by
`check --database default`, and before each `migrate`."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connection
from django.db.utils import OperationalError
from django.utils import timezone

from authserver import policy
from authserver.checks.messages import error, warning
from authserver.models import ResourceServer, SecretKeyUse
from authserver.services import backups
from authserver.services.moving import status as moving
from authserver.services.rotation import resting, status

DEMO = ("Demo resource server", "Demo other resource server")


@checks.register(checks.Tags.database)
def every_secret_opens(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell what no key opens any more, and which former key nothing needs; nothing before the first migration."""
    if "default" not in (databases or ()) or not _is_migrated():
        return []
    found = status.secret_key(now=timezone.now())
    problems = _lost(found.lost)
    for former in found.formers:
        if not former.needed:
            hint = "Drop it, unless it is the key that comes next."
            text = f"Nothing rests under fallback {former.place} of SECRET_KEY ({former.name})."
            problems.append(warning(text, hint, 76))
    return problems + _demo_world()


@checks.register(checks.Tags.database)
def restores_are_finished(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell where a restore was cut off: what ended since the backup is alive again."""
    if "default" not in (databases or ()) or not _is_migrated() or not backups.is_unfinished():
        return []
    return [error("A restore is not finished.", "Run `manage.py after_restore` with what restore was given.", 79)]


@checks.register(checks.Tags.database)
def former_issuers_are_used(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell which former issuer nobody uses any more: it need not be kept."""
    if not settings.FORMER_ISSUERS or "default" not in (databases or ()) or not _is_migrated():
        return []
    days = policy.FORMER_NAME_IDLE.days
    hint = "`manage.py move status` says what is left. Take it out of FORMER_ISSUERS to close it."
    idle = moving.idle_issuers(now=timezone.now())
    return [
        warning(f"No connection of the last {days} days comes by the former issuer {issuer}.", hint, 10)
        for issuer in idle
    ]


def _lost(lost: Mapping[str, int]) -> list[checks.CheckMessage]:
    """Tell what no key opens. A signing key is replaced by itself; people's factors are not."""
    if not lost:
        return []
    what = ", ".join(f"{kind} ({count})" for kind, count in lost.items())
    text = f"What rests under a key that is neither SECRET_KEY nor one of its fallbacks: {what}."
    hint = "Put the former key into SECRET_KEY_FALLBACKS, then `manage.py keys reseal`."
    if resting.FACTORS.name not in lost:
        return [warning(text, f"{hint} Is it lost: signing keys are replaced by themselves.", 78)]
    gone = "Is it lost: remove the factors in the admin; `--skip-checks` goes on meanwhile."
    return [error(text, f"{hint} {gone}", 75)]


def _demo_world() -> list[checks.CheckMessage]:
    """Tell where a deployment runs on the database of a demo: files of it hold the passwords of people there."""
    if not settings.PRODUCTION or not ResourceServer.objects.filter(name__in=DEMO).exists():
        return []
    hint = "Use a database of your own, or remove the demo's resource servers and people in the admin."
    return [error("The demo world is in this database.", hint, 77)]


def _is_migrated() -> bool:
    """Tell whether the tables are there. A database that is away is not for this check to tell of."""
    try:
        tables = connection.introspection.table_names()
    except OperationalError:
        return False
    return SecretKeyUse._meta.db_table in tables
