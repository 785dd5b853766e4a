"""`manage.py reseal_factors`: seal the secrets of second factors with today's SECRET_KEY; a former one may then go."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.factors import sealing

SEALED = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class Command(BaseCommand):
    help = "Seal the secrets of second factors anew. Run it before a key leaves SECRET_KEY_FALLBACKS."

    def handle(self, *args: Any, **options: Any) -> None:
        done = lost = 0
        for pk in Authenticator.objects.filter(type__in=SEALED).values_list("pk", flat=True).iterator():
            try:
                done += seal_anew(pk)
            except sealing.CannotOpen:
                lost += 1
        self.stdout.write(f"{done} sealed anew, {lost} sealed with a key that is not here.")


@transaction.atomic
def seal_anew(pk: int) -> bool:
    """Seal one factor's secret anew, as it is at this moment; return whether it is still there."""
    factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
    place = SEALED.get(factor.type, "") if factor else ""  # type: ignore[call-overload]
    if factor is None or place not in factor.data:
        return False
    factor.data[place] = sealing.seal_anew(factor.data[place])
    factor.save(update_fields=["data"])
    return True
