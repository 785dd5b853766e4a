"""What is done behind the requests: what the clock asks for (CELERY_BEAT_SCHEDULE), and what need not be waited for."""

from celery import shared_task
from django.utils import timezone

from authserver.models import Client
from authserver.services import documents, notices, purge
from authserver.services.usage import rollup


@shared_task
def purge_expired() -> int:
    """Remove expired credentials and codes; return how many rows went."""
    return purge.purge_expired(now=timezone.now())


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
def roll_up_usage() -> int:
    """Add reported tool calls to what is kept per day; return how many reports went into it."""
    return rollup.roll_up()
