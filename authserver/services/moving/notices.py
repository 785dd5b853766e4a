"""What to tell the people of a client before a name is closed. Operators send it: it goes nowhere by itself."""

from authserver.services.moving.status import Former, Left

NOTICE = """\
{client}: please add it again

{name} is closing. Your connection of {client} still goes there.
1. In {client}, remove the connector (or disconnect it).
2. Add it again with this address: {url}{hint}
3. Sign in and allow it, as the first time.
Until then everything works as before; afterwards {client} will say that it lost its connection.
"""
HINT = " ({handle} stands for the name of your handle)"


def notice(former: Former, left: Left) -> str:
    """Return the text for the people of one client, in plain English."""
    hint = HINT if "{handle}" in former.url else ""
    client = left.client_name or left.client_id
    return NOTICE.format(client=client, name=former.name, url=former.url, hint=hint)
