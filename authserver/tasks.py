"""What the clock asks for (Celery beat; see CELERY_BEAT_SCHEDULE)."""

from celery import shared_task
from django.utils import timezone

from authserver.services import purge


@shared_task
def purge_expired() -> int:
    """Remove expired credentials and codes; return how many rows went."""
    return purge.purge_expired(now=timezone.now())
