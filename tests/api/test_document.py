"""docs/api.md names what is there: scopes, addresses, problems."""

from __future__ import annotations

import re

from authserver.api.openapi import described
from authserver.protocol.control.problems import Kind
from authserver.protocol.control.scopes import ControlScope
from tests import house

TEXT = (house.ROOT / "docs/api.md").read_text()


def test_every_scope_is_described() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (\w+) \| (\w+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert rows == [(scope.value, scope.level, scope.role.value, scope.label) for scope in ControlScope]


def test_every_address_and_method_is_described() -> None:
    rows = re.findall(r"^\| `(/\S+)` \| ([A-Z, ]+) \|", TEXT, re.MULTILINE)
    told = {f"/api/v1{path}": set(methods.split(", ")) for path, methods in rows}
    assert told == {path: {name.upper() for name in found} for path, found in described()["paths"].items()}


def test_every_problem_is_described() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", TEXT, re.MULTILINE)
    assert rows == [(kind.slug, str(kind.status)) for kind in Kind]
