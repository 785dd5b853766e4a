"""Gatehouse, the authorization server. The floor plan; arrows only point down.

    urls.py          the table of contents: every path, in the order of the flow
    views/           doors, one file per endpoint; they call, they never save
    admin/ tasks     doors for administrators and the clock
    forms toolkit/   reading requests; toolkit/ is the seam to django-oauth-toolkit and oauthlib
    services/        acts: one transaction and one event each; the only code that writes
    models/          rows
    protocol/        pure rules: no rows, no HTTP
    policy.py        every lifetime, limit and prefix that we decide
    settings.py      what a deployment decides

Below services lie the two neighbours, `handles.access` and `accounts.models`; they never look up.
"""

from authserver.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
