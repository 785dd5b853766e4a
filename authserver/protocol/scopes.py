"""Scope algebra: what was asked, what may be approved, what a credential is worth now.

Granted = asked ∩ catalog ∩ resource ∩ role ∩ ticked, plus the required ones. Unknown scopes are dropped, never fatal
while a known one remains (RFC 6749 §3.3 lets the server ignore scopes).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from handles.roles import at_least


@dataclass(frozen=True)
class Rule:
    """What the catalog says of one scope, as far as the algebra needs it."""

    name: str
    role: str
    level: str
    is_required: bool
    is_shown: bool


Catalog = dict[str, Rule]  # in the catalog's order
TOKEN_LENGTH_MAX = 100


def is_token(name: object) -> bool:
    """Tell whether this can be a scope at all (RFC 6749 §3.3)."""
    if not isinstance(name, str) or not 0 < len(name) <= TOKEN_LENGTH_MAX:
        return False
    return all("\x21" <= letter <= "\x7e" and letter not in '"\\' for letter in name)


def parse(text: str) -> list[str]:
    """Return the scopes named in a `scope` parameter, each once, in order (RFC 6749 §3.3)."""
    return list(dict.fromkeys(text.split()))


def ordered(names: Iterable[str], catalog: Catalog) -> list[str]:
    """Return these scopes, each once, in the catalog's order; what the catalog does not know falls away."""
    wanted = set(names)
    return [name for name in catalog if name in wanted]


def asked(text: str, catalog: Catalog, limit: frozenset[str]) -> list[str]:
    """Return the scopes that a request asks for: known, of this resource, and always the required ones.

    A request that names none asks for all of them but `offline_access`, which a client asks for by name.
    """
    offered = [name for name in catalog if not limit or name in limit or not catalog[name].is_shown]
    named = parse(text)
    if not named:
        return [name for name in offered if catalog[name].is_shown]
    kept = {name for name in named if name in offered}
    return [name for name in offered if name in kept or (kept and catalog[name].is_required)]


def allowed_to(role: str | None, names: Iterable[str], catalog: Catalog) -> list[str]:
    """Return those of the scopes that a person in this role may approve; no role, none."""
    if role is None:
        return []
    return [name for name in ordered(names, catalog) if at_least(role, catalog[name].role)]


def granted(wanted: Iterable[str], ticked: Iterable[str], *, role: str | None, catalog: Catalog) -> list[str]:
    """Return what an Allow grants: ticked, or not for ticking (required and unshown), within what the role may."""
    marks = set(ticked)
    known = [catalog[name] for name in ordered(wanted, catalog)]
    kept = [rule.name for rule in known if rule.name in marks or rule.is_required or not rule.is_shown]
    return allowed_to(role, kept, catalog)


def after_approval(
    before: Iterable[str], wanted: Iterable[str], approved: Iterable[str], catalog: Catalog
) -> list[str]:
    """Return a connection's scopes after one more approval.

    What this request did not mention stays; what it asked for is now as the person decided, so unticking narrows.
    """
    untouched = set(before) - set(wanted)
    return ordered(untouched | set(approved), catalog)


def effective(token: Iterable[str], connection: Iterable[str], *, role: str | None, catalog: Catalog) -> list[str]:
    """Return what a credential is worth now: its own scopes, still part of the connection, still within the role."""
    standing = set(connection)
    return allowed_to(role, [name for name in token if name in standing], catalog)
