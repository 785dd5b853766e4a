"""The database connection of a line's thread: kept open, its statements prepared once, outside the pages' pool."""

import time

from django.db import connection as database
from django.db import connections
from django.db.utils import load_backend

from authserver import policy

IDLE_SECONDS = 1.0  # after which a connection is looked at before it is used
# The statements of the lines find single rows by index. Planning them anew costs more than running them; and a plan
# made while the tables were small must not read a whole table once they are not.
ON_POSTGRESQL = " ".join(
    f"-c {setting}"
    for setting in (
        f"statement_timeout={int(policy.DOOR_STATEMENT_SECONDS * 1000)}",
        "plan_cache_mode=force_generic_plan",
        "enable_hashjoin=off",
        "enable_mergejoin=off",
        "enable_seqscan=off",
        "jit=off",
    )
)


def take() -> None:
    """Give this thread a connection of its own in the place of Django's."""
    settings = connections.settings["default"]
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    if database.vendor == "postgresql":
        options |= {
            "server_side_binding": True,
            "prepare_threshold": 2,
            "connect_timeout": int(policy.DOOR_SECONDS_MAX),
            "tcp_user_timeout": int(policy.DOOR_SECONDS_MAX * 1000),
            "options": f"{options.get('options', '')} {ON_POSTGRESQL}".strip(),
        }
    own = settings | {"OPTIONS": options, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
    connections["default"] = load_backend(settings["ENGINE"]).DatabaseWrapper(own, "default")


def check() -> None:
    """Close a connection that broke while nobody used it; the next statement opens another one."""
    now, wrapper = time.monotonic(), connections["default"]
    idle_since = getattr(wrapper, "idle_since", now)
    wrapper.idle_since = now
    if wrapper.connection is not None and now - idle_since > IDLE_SECONDS and not wrapper.is_usable():
        wrapper.close()
