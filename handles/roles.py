"""The roles, from least to most. Pure: no rows, no HTTP."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a person may approve for a handle. `public` is nobody's membership: it is what an outsider of a public
    handle holds."""

    PUBLIC = "public", _("Guest")
    MEMBER = "member", _("Member")
    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")


def known(text: str | None) -> Role | None:
    """Return the role of this name, or None: what the code does not know gives no right."""
    return Role(text) if text in Role.values else None


RANK = {role.value: rank for rank, role in enumerate(Role)}


def at_least(role: str, needed: str) -> bool:
    """Tell whether `role` reaches `needed`; an unknown role reaches nothing and is reached by nothing."""
    return role in RANK and needed in RANK and RANK[role] >= RANK[needed]
