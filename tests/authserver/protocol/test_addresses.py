"""Which addresses are out in the public Internet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.protocol import addresses

pytestmark = pytest.mark.covers("CM-22")

# The first and the last address of every special-purpose range (RFC 6890 and its registries), and what lies beside.
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
    "2001::/23", "2001::/32", "2001:2::/48", "2001:db8::/32", "2001:10::/28", "2001:20::/28", "2002::/16",
    "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
TRAPS = [
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "224.0.0.1",
    "ff02::1",
    "fec0::1",
    "5f00::1",
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "8.8.8.8 ",
]


def edges() -> list[str]:
    networks = [ipaddress.ip_network(text) for text in SPECIAL]
    return [str(address) for network in networks for address in (network[0], network[-1])]


@pytest.mark.parametrize("address", [*edges(), *TRAPS])
def test_a_special_address_is_not_public(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"]
    + [
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
    ]
    + ["2606:4700::6812:202f", "2a00:1450:4001::1", "2001:200::1", "2003::1", "3ffe::1"],
)
def test_the_addresses_beside_are(address: str) -> None:
    assert addresses.is_public(address)


@given(st.ip_addresses(v=4))
def test_no_public_ipv4_address_is_one_that_python_knows_as_special(address: ipaddress.IPv4Address) -> None:
    if addresses.is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_no_public_ipv6_address_is_one_that_python_knows_as_special(address: ipaddress.IPv6Address) -> None:
    if addresses.is_public(str(address)):
        assert address.is_global
        assert not (address.is_multicast or address.is_site_local or address.ipv4_mapped or address.sixtofour)


@pytest.mark.parametrize(("address", "expected"), [("127.0.0.1", True), ("::1", True), ("127.9.9.9", True)])
def test_loopback_is_this_machine(address: str, expected: bool) -> None:
    assert addresses.is_loopback(address) is expected


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "8.8.8.8", "localhost", ""])
def test_loopback_is_nothing_else(address: str) -> None:
    assert not addresses.is_loopback(address)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("nowhere", ""),
    ],
)
def test_a_network_names_no_machine(address: str, network: str) -> None:
    assert addresses.network_of(address) == network
