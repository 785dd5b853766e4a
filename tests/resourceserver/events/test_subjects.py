"""Whose answers an event is about. What is not understood is about everybody's."""

from typing import Any

import pytest

from resourceserver.events import subjects
from resourceserver.events.subjects import EVERYTHING, Subject
from tests.resourceserver.fakes import ISSUER

SESSION = {"format": "opaque", "id": "c-1"}
USER = {"format": "iss_sub", "iss": ISSUER, "sub": "p-1"}
TENANT = {"format": "opaque", "id": "acme"}
APPLICATION = {"format": "opaque", "id": "client-1"}
ANSWER = Subject(connection="c-1", person="p-1", handle="acme", client="client-1")


def complex_of(**parts: Any) -> dict[str, Any]:
    return {"format": "complex", **parts}


@pytest.mark.parametrize(
    ("claim", "subject"),
    [
        (complex_of(session=SESSION), Subject(connection="c-1")),
        (complex_of(user=USER), Subject(person="p-1")),
        (complex_of(tenant=TENANT), Subject(handle="acme")),
        (complex_of(application=APPLICATION), Subject(client="client-1")),
        (complex_of(user=USER, tenant=TENANT), Subject(person="p-1", handle="acme")),
        (complex_of(session=SESSION, user=USER, tenant=TENANT, application=APPLICATION), ANSWER),
        ({"format": "uri", "uri": ISSUER}, EVERYTHING),
    ],
)
def test_every_form_of_the_wire_is_read(claim: Any, subject: Subject):
    assert subjects.read(claim, issuer=ISSUER) == subject


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "c-1",
        [],
        {},
        SESSION,
        USER,
        {"format": "email", "email": "alice@example.com"},
        {"format": "complex"},
        complex_of(session=SESSION, device=SESSION),
        complex_of(session="c-1"),
        complex_of(session={"format": "opaque"}),
        complex_of(session={"format": "opaque", "id": ""}),
        complex_of(session={"format": "opaque", "id": 7}),
        complex_of(session={"format": "opaque", "id": "c-1", "more": 1}),
        complex_of(session={"format": "iss_sub", "iss": ISSUER, "sub": "c-1"}),
        complex_of(user={"format": "iss_sub", "iss": "https://elsewhere.example", "sub": "p-1"}),
        complex_of(user={"format": "iss_sub", "sub": "p-1"}),
        complex_of(tenant=TENANT, user=None),
    ],
)
def test_what_is_not_understood_is_about_every_answer(claim: Any):
    assert subjects.read(claim, issuer=ISSUER) == EVERYTHING


@pytest.mark.parametrize(
    "subject",
    [EVERYTHING, Subject(connection="c-1"), Subject(person="p-1", handle="acme"), ANSWER],
)
def test_a_subject_matches_answers_with_all_that_it_names(subject: Subject):
    assert subject.matches(ANSWER)


@pytest.mark.parametrize(
    "subject",
    [
        Subject(connection="c-2"),
        Subject(person="acme"),
        Subject(person="p-1", handle="globex"),
        Subject(connection="c-1", client="client-2"),
    ],
)
def test_a_subject_does_not_match_when_one_of_them_differs(subject: Subject):
    assert not subject.matches(ANSWER)
