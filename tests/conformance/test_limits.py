"""docs/operate/limits.md says what the code does: each endpoint, each default, and all that is kept in memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings

from authserver import policy
from authserver.urls import urlpatterns
from tests import house
from tests.conformance import kept

TEXT = (house.ROOT / "docs/operate/limits.md").read_text()
NUMBER = re.compile(r"[0-9,]+")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def value_of(name: str) -> Any:
    """Return what `policy.X`, `policy.X["y"]`, `settings.X` or the environment variable X is by default."""
    where, _, rest = name.rpartition(".")
    constant, _, key = rest.partition('["')
    found = getattr(settings if where == "settings" else policy, constant)
    return found[key.rstrip('"]')] if key else found


LIMITS = [(cells[-3], cells[-2]) for cells in rows("What is limited") + rows("Sizes and slow clients")]


@pytest.mark.parametrize(("default", "name"), [each for each in LIMITS if each[0] != "–"])
def test_a_default_is_the_one_of_the_code(default: str, name: str) -> None:
    assert NUMBER.fullmatch(default), default
    assert float(default.replace(",", "")) == value_of(name.strip("`"))
    if "." not in name:
        assert name in (house.ROOT / "docs/operations.md").read_text()
        assert hasattr(settings, name.strip("`"))


def test_every_endpoint_stands_in_the_table() -> None:
    listed = {each for cells in rows("What is limited") for each in re.findall(r"`(/[^`]*)`", cells[0])}
    begins = tuple(each for each in listed if each != "/")
    paths = ["/" + re.sub(r"^\^|\\", "", str(each.pattern)) for each in urlpatterns]
    assert [path for path in paths if path != "/" and not path.startswith(begins)] == []
    assert [each for each in begins if not any(path.startswith(each) for path in paths)] == []


def test_all_that_is_kept_in_memory_has_a_bound() -> None:
    """Something new that grows needs a row here, and something that holds it."""
    listed = {cells[0].strip("`"): cells[1] for cells in rows("Memory")}
    assert set(listed) == kept.found() | {"authserver/services/usage/marks.py:_noted"}  # a row of three
    for bound in listed.values():
        assert NUMBER.fullmatch(bound) or value_of(bound.strip("`")) > 0


@pytest.mark.parametrize(
    "text",
    [
        "seen = {}",
        "_seen: dict[str, int] = {}",
        "_seen = OrderedDict()",
        "_queue: SimpleQueue[int] = SimpleQueue()",
        "class A:\n    def __init__(self):\n        self.seen = []",
        "@lru_cache(maxsize=None)\ndef f(x): ...",
        "@functools.cache\ndef f(x): ...",
    ],
)
def test_what_grows_is_found(text: str) -> None:
    assert list(kept.kept_by(text))
