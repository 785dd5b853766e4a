"""The address of a caller, seen through our own proxies and no others. With requests: test_middleware.py."""

import pytest

from authserver.protocol import addresses


@pytest.mark.parametrize(
    "forwarded", ["", " ", ",", "nonsense", "203.0.113.7", "x,203.0.113.7", "1.2.3,4.5.6.7", "9" * 999]
)
def test_what_no_proxy_of_ours_wrote_is_not_believed(forwarded: str) -> None:
    assert addresses.of_caller("198.51.100.1", forwarded, proxies=0) == "198.51.100.1"
    assert addresses.of_caller("198.51.100.1", forwarded, proxies=2) == "198.51.100.1"


@pytest.mark.parametrize("direct", ["", "unix:", "nonsense", "[", "[]", ":80", "1.2.3.4.5", "\u0661.2.3.4"])
def test_a_caller_without_an_address_has_none(direct: str) -> None:
    assert addresses.of_caller(direct, "", proxies=0) is None
    assert addresses.of_caller(direct, direct, proxies=1) is None


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_that_a_proxy_saw_has_one_spelling(spelled: str, canonical: str) -> None:
    assert addresses.of_caller("198.51.100.1", spelled, proxies=1) == canonical
    assert addresses.of_caller("198.51.100.1", f"8.8.8.8, {spelled}, 10.0.0.1", proxies=2) == canonical
