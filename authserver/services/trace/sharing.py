"""Links by which anybody may read one attempt, without names and addresses, for a while.

Nothing is stored: a link is signed, says until when it is good, and of which step's attempt it is. It was made for an
attempt of one person, or of nobody: once it has become somebody else's, the link leads nowhere.
"""

from datetime import datetime

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from authserver import policy
from authserver.protocol.trace.attempts import Attempt
from authserver.services.trace import reading
from authserver.services.trace.reading import Read

SALT = "authserver.trace.shared"


def link_token(attempt: Attempt) -> str:
    """Return what opens this attempt for policy.TRACE_LINK_LIFETIME; whoever has it may read."""
    step = next((each for each in attempt.steps if each.flow or each.connection_id), attempt.steps[0])
    return signing.dumps([step.id, _whose(attempt)], salt=SALT)


def opened(token: str, *, now: datetime) -> Read | None:
    """Return the attempt that a link is for, or None where it is not good any more or never was."""
    try:
        step_id, whose = signing.loads(token, salt=SALT, max_age=policy.TRACE_LINK_LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = reading.of_step(int(step_id), now=now)
    return found if found and constant_time_compare(str(whose), _whose(found.attempt)) else None


def _whose(attempt: Attempt) -> str:
    """Return what tells whose an attempt is, and not who."""
    return salted_hmac(SALT, str(attempt.person_id or ""), algorithm="sha256").hexdigest()[:16]
