"""What an Allow does to how far a connection reaches. The consent page asks it before, the approval writes it after;
so what a page shows is what the client then gets."""

from collections.abc import Iterable

from authserver.protocol.tools.reaching import Ground


def after(ground: Ground, wanted: Iterable[str], granted: Iterable[str]) -> Ground:
    """Return the ground of a connection once `granted` of what was `wanted` is allowed."""
    kept = frozenset(granted)
    scopes = (frozenset(ground.scopes.split()) - frozenset(wanted)) | kept
    return Ground(
        scopes=" ".join(scopes),
        approved=" ".join(scopes | frozenset(ground.approved.split())),
        declined=" ".join(declined_after(ground.declined.split(), wanted, kept)),
        withheld=ground.withheld,
    )


def declined_after(before: Iterable[str], wanted: Iterable[str], granted: Iterable[str]) -> frozenset[str]:
    """Return what counts as declined after an Allow: what was declined before or not ticked now, and is not granted."""
    return (frozenset(before) | frozenset(wanted)) - frozenset(granted)
