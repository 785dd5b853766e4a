"""What whoever runs this server is told of: opened by what is wrong, told by mail and webhook, over when it is over.

An alarm writes no event when it opens, counts or ends by itself: it is no act and changes nobody's access, and what it
was made of is recorded, or kept as steps, already. An administrator who closes one acts, so that is an event.
"""

from authserver.services.alarms.ringing import close, purge, ring, still

__all__ = ["close", "purge", "ring", "still"]
