"""How the kit calls the authorization server: past every proxy, and trusting whom the machine trusts."""

import ssl
from typing import Any

import httpx2


def http_client(transport: httpx2.AsyncBaseTransport | None, **options: Any) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and heeds no proxy. The authorities whose certificates count are those
    of SSL_CERT_FILE or SSL_CERT_DIR, else the system's. Raises OSError where that file is none of certificates."""
    # trust_env would send credentials through whatever proxy the environment names; it also means the authorities.
    verify = True if transport else _authorities()
    return httpx2.AsyncClient(transport=transport, verify=verify, trust_env=False, follow_redirects=False, **options)


def _authorities() -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # its text does not say which file
        raise OSError(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error}") from None
