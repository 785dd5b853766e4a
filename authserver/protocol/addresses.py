"""IP addresses: which a caller has, and which are out in the public Internet.

The table is our own: `ipaddress.is_global` of the Pythons we run on lets multicast, site-local, IPv4-compatible and
6to4-relay addresses through, and has changed between patch releases.
"""

import ipaddress
import re
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NETWORK_BITS = {4: 24, 6: 48}  # what one household or office has
COUNTED_BITS = 64  # of an IPv6 address: one machine picks the rest at will

WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d*)?|([^:]*):\d+")  # as some proxies forward an address
SPELLING_LENGTH_MAX = 100

# The IANA registry of special-purpose addresses (RFC 6890 and its updates), and multicast and reserved space.
SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Only 2000::/3 is handed out to the public, which leaves out by itself: unspecified, loopback, IPv4-mapped and
# -compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard-only, segment routing (5f00::/16), unique-local,
# link-local, site-local and multicast.
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, which carries an IPv4 address, is among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def parse(text: str) -> Address | None:
    """Return the address that this text spells, without a zone, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def of_caller(direct: str, forwarded: str, *, proxies: int) -> str | None:
    """Return a caller's address in its canonical form, without a zone or a mapping: the one that the outermost of our
    own proxies saw (`proxies` is how many there are, `forwarded` their X-Forwarded-For), or None.

    A header shorter than the number of proxies, or one that names no address, comes from a request that went around
    them; such a request has the address that it really came from.
    """
    seen = forwarded.rsplit(",", proxies) if proxies and forwarded else []
    told = _canonical(seen[-proxies].strip()[:SPELLING_LENGTH_MAX]) if len(seen) >= proxies > 0 else None
    return told or _canonical(direct[:SPELLING_LENGTH_MAX])


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    found = WITH_PORT.fullmatch(text)
    address = parse((found[1] or found[2]) if found else text)
    if isinstance(address, ipaddress.IPv6Address):
        # PostgreSQL knows no zones; and a socket for both kinds tells IPv4 callers mapped: one caller, one spelling.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return str(address) if address else None


@lru_cache(maxsize=4096)
def counted(text: str) -> str:
    """Return what limits count by in place of a caller's address: an IPv4 address as it is; the first address of its
    /64 for an IPv6 one, because whoever has one address there has all of them. No address stays as it is: those whose
    address is unknown share one count."""
    address = parse(text)
    if not isinstance(address, ipaddress.IPv6Address):
        return text
    return str(ipaddress.IPv6Address(int(address) >> COUNTED_BITS << COUNTED_BITS))


def is_public(text: str) -> bool:
    """Tell whether this is the address of a machine in the public Internet, to which we may connect for a stranger.

    Obeys: RFC 6890, CIMD §6.5 (no document is fetched from a special-use address).
    """
    address = parse(text)
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    if address is None or address.scope_id:
        return False
    return address in PUBLIC_V6 and not any(address in network for network in SPECIAL_V6)


def is_loopback(text: str) -> bool:
    """Tell whether this is an address of this machine, and nothing else (development only)."""
    address = parse(text)
    return address is not None and address.is_loopback


def network_of(text: str) -> str:
    """Return the network that an address is in, such as 203.0.113.0/24, to tell a person where a caller was without
    keeping count of machines; nothing where this is no address."""
    address = parse(text)
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without its zone
    return str(ipaddress.ip_network((address, NETWORK_BITS[address.version]), strict=False))
