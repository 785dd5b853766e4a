"""`python -m authserver.serve`: the server of this product, uvicorn with our door before the application."""

import argparse
import os
import resource
import sys

import django
import uvicorn
from django.conf import settings
from django.core import checks
from django.templatetags.static import static

from authserver.telemetry import node
from authserver.views.brand.files import STYLESHEET

KEEP_ALIVE_SECONDS = 75  # longer than a proxy keeps an idle connection, so that it is the one who closes
STOP_SECONDS = 5


def main() -> None:
    """Serve until a signal says to stop. Every worker is a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m authserver.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    refuse_misconfiguration()
    allow_connections()
    share_figures()
    uvicorn.run(
        "authserver.asgi:application",
        http="authserver.asgi:DoorProtocol",  # type: ignore[arg-type]
        loop="uvloop",
        ws="none",
        host=options.host,
        port=options.port,
        workers=options.workers,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # read by Django, as many proxies as settings.TRUSTED_PROXY_COUNT says
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def refuse_misconfiguration() -> None:
    """End here where `manage.py check` names an error in the settings of a deployment, with all of them on the error
    output. The database is not asked: where it is away for now, the server starts and waits for it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    if not settings.PRODUCTION:
        return
    django.setup(set_prefix=False)
    errors = [found for found in checks.run_checks(tags=[checks.Tags.security]) if found.is_serious()]
    if errors:
        sys.exit("\n".join(["The settings of this deployment cannot be used:", *map(str, errors)]))
    try:
        static(STYLESHEET)
    except ValueError:  # as every page would, with 500
        sys.exit("Static files are not collected: run `python manage.py collectstatic --noinput`, at each new version.")


def allow_connections() -> None:
    """Take as many open files as the system grants: often the default is 1,024, and each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def share_figures() -> None:
    """Let the workers to come write what they count into one folder, so that each can tell the figures of all."""
    os.environ.update(node.prepare(settings.DATA_DIR / "tmp", os.environ))


if __name__ == "__main__":
    main()
