"""How mail faults are told apart."""

import smtplib

# What sending may raise: SMTP errors are OSErrors, a header that cannot be written is a ValueError. The text of one may
# hold addresses, so only its kind is logged.
FAULTS = (OSError, ValueError)
REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, ValueError)


def is_refusal(error: BaseException) -> bool:
    """Tell whether a mail server that answers said no; everything else means that it is away."""
    return isinstance(error, REFUSED)
