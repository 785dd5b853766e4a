"""What whoever runs this server is told of: opened by what is wrong, told by mail and webhook, over when it is over.

An alarm writes no event when it opens, counts or ends by itself: it is no act and changes nobody's access, and what it
was made of is recorded, or kept as steps, already. An administrator who closes one acts, so that is an event.
"""

from authserver.services.alarms.documents import changed as document_changed
from authserver.services.alarms.places import about, page
from authserver.services.alarms.refusals import watch as watch_refusals
from authserver.services.alarms.ringing import close, purge, ring, still
from authserver.services.alarms.sentences import sentence
from authserver.services.alarms.telling import gather
from authserver.services.alarms.webhook import post_due

__all__ = [
    "about",
    "close",
    "document_changed",
    "gather",
    "page",
    "post_due",
    "purge",
    "ring",
    "sentence",
    "still",
    "watch_refusals",
]
