"""What is done behind the requests: what the clock asks for (CELERY_BEAT_SCHEDULE), and what need not be waited for."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from authserver import policy
from authserver.models import Client
from authserver.services import alarms, documents, ledger, notices, purge
from authserver.services.batches import Pace
from authserver.services.endpoints import nightly
from authserver.services.operations import queues
from authserver.services.receipts import keys, push
from authserver.services.rehearsals import watching
from authserver.services.rotation import resting, use
from authserver.services.standing import sessions
from authserver.services.tools import telling
from authserver.services.usage import rollup

logger = logging.getLogger(__name__)
MINUTES = 60
HOURS = 3600


@shared_task
def purge_expired(*, following: int = policy.PURGE_RUNS_FOLLOWING) -> int:
    """Remove expired credentials and codes; return how many rows went. A run that did not come to the end is followed
    by others, `following` at the most, so that where workers are free two are at work at once."""
    pace = Pace(policy.PURGE_RUN)
    removed = purge.purge_expired(now=timezone.now(), pace=pace)
    queues.note_purged(removed)
    if pace.is_over and following and not settings.CELERY_TASK_ALWAYS_EAGER:
        spare = policy.PURGE_RUN.total_seconds()
        purge_expired.apply_async(kwargs={"following": following - 1}, expires=spare)
    return removed


@shared_task
def end_unused() -> int:
    """End the connections of which nobody holds anything, and that no purge met while it was not running; return how
    many."""
    return purge.end_unused(now=timezone.now(), pace=Pace(policy.PURGE_RUN_NIGHTLY))


@shared_task
def forget_listed_sessions() -> int:
    """Remove from people's lists the sessions that are gone; return how many."""
    return sessions.forget_listed(now=timezone.now())


@shared_task
def refresh_client_document(client_pk: int) -> None:
    """Ask for the document of one client again."""
    client = Client.objects.filter(pk=client_pk).first()
    if client:
        documents.refresh(client, now=timezone.now())


@shared_task
def refresh_stale_documents() -> int:
    """Ask again for documents of clients that people are connected to; return how many were asked for."""
    now = timezone.now()
    due = [client for client in documents.stale(now=now) if documents.claim_refresh(client, now=now)]
    for client in due:
        documents.refresh(client, now=now)
    return len(due)


@shared_task
def send_notices() -> int:
    """Send the mail that is owed; return how many went out."""
    return notices.send_due(now=timezone.now())


@shared_task
def tell_of_new_tools() -> int:
    """Owe mail to people whose connections wait for their word about new tools; return to how many."""
    return telling.tell_due(now=timezone.now())


@shared_task
def push_security_events() -> int:
    """Send resource servers the events that wait to be pushed; return how many were taken."""
    return push.push_due()


@shared_task
def turn_signing_keys() -> int:
    """Make the next signing key when it is time, retire those that were replaced; return how many."""
    return keys.turn(now=timezone.now())


@shared_task(time_limit=10 * MINUTES)
def reseal() -> int:
    """Note which SECRET_KEY is in use; once it is settled, seal under it what rests under a former one. Return how much
    was."""
    now = timezone.now()
    use.take_up(now=now)
    if not settings.SECRET_KEY_FALLBACKS or not use.is_settled(now=now):
        return 0
    return sum(resting.reseal(now=now, pace=Pace(policy.RESEAL_RUN)).values())


@shared_task
def link_events() -> int:
    """Give new events their place in the ledger; return how many."""
    return ledger.link()


@shared_task(time_limit=2 * HOURS)
def seal_ledger() -> int:
    """Seal the months that are finished; return how many."""
    return len(ledger.seal(now=timezone.now()))


@shared_task(time_limit=12 * HOURS, acks_late=False)  # a broker may give out again what takes so long
def verify_ledger() -> int:
    """Compute the whole ledger again; return how many faults there are, each with a line in the log."""
    ledger.link(everywhere=True)
    finding = ledger.verify(now=timezone.now())
    for fault in finding.faults:
        logger.error("ledger: %s", fault.sentence)
    return len(finding.faults)


@shared_task
def roll_up_usage() -> int:
    """Add reported tool calls to what is kept per day; return how many reports went into it."""
    return rollup.roll_up()


@shared_task(acks_late=False)  # given out again, it would walk the same way beside itself
def check_endpoints() -> int:
    """Let the doctor walk to the addresses whose reports are the oldest; return to how many it went."""
    return nightly.run(now=timezone.now(), pace=Pace(policy.ENDPOINT_NIGHTLY_RUN))


@shared_task
def watch_refusals() -> int:
    """Ring for refusals of one kind that grow; return for how many kinds."""
    return alarms.watch_refusals(now=timezone.now())


@shared_task
def tell_alarms() -> int:
    """Tell operators, by mail and by webhook, what is new; return how much."""
    now = timezone.now()
    return alarms.gather(now=now) + alarms.post_due(now=now)


@shared_task
def look_after_rehearsals() -> int:
    """Restore what was rehearsed and not met in time, write down what clients did; return how many that was."""
    return watching.look(now=timezone.now())
