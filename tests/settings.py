"""The settings of a test run: those of the product, in an environment that the test run decides.

`TEST_DATABASE=postgresql` starts a PostgreSQL for this run. It has to happen here: pytest-django reads the settings
before any conftest.py. Workers of pytest-xdist inherit the environment and so share the one server.
"""

import atexit
import contextlib
import os
import tempfile

from tests import migrated, servers

_resources = contextlib.ExitStack()
atexit.register(_resources.close)

_ALARMS = ("ALARM_EMAILS", "ALARM_WEBHOOK_URL", "ALARM_WEBHOOK_SECRET")
_OURS = ("ISSUER", "GATEWAY_URL", "HOSTED_URL", "COMPAT_URL", "OTHER_RESOURCE_URL", "ALLOWED_HOSTS", "CACHE_URL")
for _name in (
    *_OURS,
    *_ALARMS,
    "CELERY_BROKER_URL",
    "EMAIL_URL",
    "TRUSTED_PROXY_COUNT",
    "ACCESS_TOKEN_LIFETIME_SECONDS",
):
    os.environ.pop(_name, None)
os.environ |= {"DEBUG": "1", "DEMO": "0", "SECRET_KEY": "a key for tests only, long enough to please every check"}
os.environ["ADMIN_SECOND_FACTOR"] = "0"  # its own tests turn it on

if os.environ.get("TEST_DATABASE", "sqlite") == "postgresql":
    if "TEST_DATABASE_URL" not in os.environ:
        os.environ["TEST_DATABASE_URL"] = _resources.enter_context(servers.postgresql())
        migrated.migrate(os.environ["TEST_DATABASE_URL"])  # its database `gatehouse`, which the others are copies of
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)
    os.environ["DATA_DIR"] = _resources.enter_context(tempfile.TemporaryDirectory(prefix="gh-data-"))

from authserver.settings import *  # noqa: E402, F403
from authserver.settings import PASSWORD_HASHERS as _HASHERS  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *_HASHERS]  # Argon2 is slow on purpose
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in life: Django's default for tests, a shared memory, answers "table is locked" to a second thread.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405
    _worker = os.environ.get("PYTEST_XDIST_WORKER")  # pytest-django gives each its own
    migrated.copy_to(DATA_DIR / f"test.sqlite3{f'_{_worker}' if _worker else ''}")  # noqa: F405
else:
    DATABASES["default"]["TEST"] = {"TEMPLATE": "gatehouse"}  # noqa: F405
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
