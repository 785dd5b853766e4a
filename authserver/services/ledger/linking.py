"""Linking: every event gets its place in the chain, once, in the order in which it came to be seen."""

from django.db import transaction
from django.db.models import Max

from authserver import policy
from authserver.models import LedgerLink, LedgerSeal, LedgerState
from authserver.services.ledger import chain, reading

BATCH = 1_000


def link(*, everywhere: bool = False) -> int:
    """Link the events that have no link, in the order of their ids; return how many.

    An event that commits after others with higher ids is found as long as it is no further back than
    policy.LEDGER_LOOK_BACK ids; `everywhere` finds every one, and reads the index of all events for it.
    """
    highest = LedgerLink.objects.aggregate(highest=Max("event_id"))["highest"]
    after = None if everywhere or highest is None else highest - policy.LEDGER_LOOK_BACK
    done = 0
    while everywhere or done < policy.LEDGER_LINKS_PER_RUN:
        ids = _link_batch(after)
        if not ids:
            break
        done += len(ids)
        after = ids[-1]
    return done


@transaction.atomic
def _link_batch(after: int | None) -> list[int]:
    """Link the first events behind this id that have no link, and return their ids. What has none is asked under the
    lock of the ledger, so that two who link never give two places to one event, nor one place to two."""
    lock()
    number, digest = head()
    links = []
    for row in reading.unlinked(after=after).order_by("id").values(*chain.COLUMNS)[:BATCH]:
        number, digest = number + 1, chain.link_hash(digest, chain.canonical(row))
        links.append(LedgerLink(id=number, event_id=row["id"], hash=digest))
    LedgerLink.objects.bulk_create(links)
    return [link.event_id for link in links]


def head() -> tuple[int, bytes]:
    """Return the number and hash of the last link; where all were removed, of the last that was sealed."""
    last = LedgerLink.objects.order_by("-id").first()
    if last:
        return last.pk, bytes(last.hash)
    seal = LedgerSeal.objects.order_by("-month").first()
    return (seal.last_link_id, bytes(seal.hash)) if seal else (0, chain.GENESIS)


def lock() -> LedgerState:
    """Return the ledger's one row, locked until the transaction ends."""
    return LedgerState.objects.select_for_update().get()
