"""Health check of a container: `python deploy/probe.py PORT PATH` ends with 0 when the answer is 200.

It asks under the public host name and scheme, as the proxy would.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit


def main(port: str, path: str) -> int:
    """Return 0 for an answer of 200, else 1."""
    host = urlsplit(os.environ.get("ISSUER", "")).netloc or "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
    try:
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
