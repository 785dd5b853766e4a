"""Rows of handles and memberships: what cannot be stored."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from handles import slugs
from handles.models import Handle, Membership
from tests.people import World


def problems(slug: str, **fields: str) -> set[str]:
    """Return the fields that an administrator's form would find wrong."""
    try:
        Handle(slug=slug, **{"display_name": "X"} | fields).full_clean()
    except ValidationError as error:
        return set(error.message_dict)
    return set()


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "A",
        "ACME",
        "@acme",
        " acme",
        "a b",
        "a.b",
        "a_b",
        "-a",
        "a-",
        "a" * 41,
        "xn--acme",
        "ab--c",
        "ümläut",
        "a\n",
        "а",
    ],
)
def test_a_name_that_is_no_host_label_is_refused(db: None, slug: str) -> None:
    assert problems(slug) == {"slug"}


@pytest.mark.parametrize("slug", sorted(slugs.RESERVED))
def test_a_reserved_name_is_refused(db: None, slug: str) -> None:
    assert problems(slug) == {"slug"}


@pytest.mark.parametrize("slug", ["a", "7", "acme", "a-b", "a1-2b", "a" * 40, "mcps", "x-y-z"])
def test_a_good_name_is_taken(db: None, slug: str) -> None:
    assert problems(slug) == set()


def test_a_name_is_taken_once(world: World) -> None:
    assert problems("acme") == {"slug"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Handle.objects.create(slug="acme", display_name="Another")


def test_a_handle_is_private_and_active_unless_said_otherwise(db: None) -> None:
    handle = Handle.objects.create(slug="new1", display_name="New")
    assert (handle.visibility, handle.status) == ("private", "active")


@pytest.mark.parametrize(("name", "value"), [("visibility", "secret"), ("status", "gone")])
def test_unknown_words_are_refused(db: None, name: str, value: str) -> None:
    assert problems("acme", **{name: value}) == {name}


def test_a_person_has_one_role_at_a_handle(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=world.bob.user, handle=Handle.objects.get(slug="acme"), role="owner")


@pytest.mark.parametrize("role", ["public", "emperor", ""])
def test_nobody_is_made_a_guest_or_an_emperor_by_membership(world: World, role: str) -> None:
    seat = Membership(user=world.carol.user, handle=Handle.objects.get(slug="acme"), role=role)
    with pytest.raises(ValidationError):
        seat.full_clean()
