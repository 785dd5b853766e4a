"""Query strings and form bodies, read strictly: what is malformed is refused here, before any rule looks at it.

Obeys: RFC 6749 §3.1 and §3.2 (no parameter twice; one without a value counts as omitted), RFC 8707 §2 (`resource`
may repeat).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from authserver import policy
from authserver.protocol.errors import Refusal

BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
SIMPLE = re.compile(r"[A-Za-z0-9._~:/=&-]*")
REPEATABLE = frozenset({"resource"})
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Parameters:
    """The parameters of one request. Values may be secrets: the representation shows names only."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)

    def get(self, name: str) -> str | None:
        found = self.values.get(name)
        return found[0] if found else None

    def all(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self.values.items() for value in values]


def _malformed(reason: str) -> Refusal:
    return Refusal("invalid_request", "The request is malformed or names a parameter twice.", f"parameters:{reason}")


def _pairs(raw: str) -> list[tuple[str, str]]:
    """Return names and values in their order, without those that have no value. Raises ValueError."""
    if SIMPLE.fullmatch(raw) and raw.count("&") < policy.PARAMETER_COUNT_MAX:  # nothing to decode: the hot path
        parts = [part.partition("=") for part in raw.split("&")]
        return [(name, value) for name, _, value in parts if value]
    return parse_qsl(raw, keep_blank_values=False, errors="strict", max_num_fields=policy.PARAMETER_COUNT_MAX)


def parse(raw: str) -> Parameters | Refusal:
    """Return the parameters of an urlencoded query or body, or `invalid_request`."""
    if not raw.isascii() or BAD_ESCAPE.search(raw):
        return _malformed("bad_escape")
    try:
        pairs = _pairs(raw)
    except ValueError:
        return _malformed("undecodable")
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if CONTROL.search(name + value) or len(value) > policy.PARAMETER_LENGTH_MAX:
            return _malformed("control_character_or_length")
        if name in values and name not in REPEATABLE:
            return _malformed("repeated")
        values[name] = (*values.get(name, ()), value)
    return Parameters(values)


def read_form(content_type: str, body: bytes) -> Parameters | Refusal:
    """Return the form parameters of a POST, or invalid_request. `content_type` is the header as it came.

    Obeys: RFC 6749 §3.2 and appendix B.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        return Refusal("invalid_request", f"Send the parameters as {FORM}.", "form:content_type")
    if len(body) > policy.FORM_BODY_BYTES_MAX:
        return Refusal("invalid_request", "The request body is too large.", "form:too_large")
    try:
        return parse(body.decode("ascii"))
    except UnicodeDecodeError:
        return Refusal("invalid_request", "The request body is not urlencoded.", "form:unreadable")
