"""The ledger: the events, chained so that none can be changed, removed or put in between without showing.

`link` gives new events their place, `seal` closes a month with a signature, `verify` computes it all again, `remove`
lets go of a month that was exported. docs/events.md says what that proves and what it does not.
"""

from authserver.services.ledger.faults import Fault
from authserver.services.ledger.linking import link
from authserver.services.ledger.removal import NotRemovable, remove
from authserver.services.ledger.sealing import seal
from authserver.services.ledger.status import Status, status
from authserver.services.ledger.verification import Finding, verify

__all__ = ["Fault", "Finding", "NotRemovable", "Status", "link", "remove", "seal", "status", "verify"]
