"""The description of the API says what is there: every address and method, and examples that are true."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Http
from jsonschema import Draft202012Validator
from rest_framework.views import APIView

from authserver.api import door, examples, urls
from authserver.api.openapi import Schema, described
from authserver.protocol.control.scopes import ControlScope

VIEWS: dict[str, type[APIView]] = {
    "/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(each.pattern)): each.callback.view_class  # type: ignore[union-attr]
    for each in urls.urlpatterns
}
OPERATIONS = [(path, method) for path, found in described()["paths"].items() for method in found]


def methods_of(view: type[APIView]) -> set[str]:
    return {name for name in door.METHODS if hasattr(view, name) and name != "head"}


def test_the_description_and_the_addresses_agree_both_ways() -> None:
    assert {path: set(found) for path, found in described()["paths"].items()} == {
        path: methods_of(view) for path, view in VIEWS.items()
    }


def test_the_description_is_served_to_everybody(db: None) -> None:
    told = Http().get("/api/v1/openapi.json")
    assert (told.status_code, told["Content-Type"]) == (200, "application/json")
    assert told.json() == described()
    assert told.json()["openapi"].startswith("3.1")


def test_every_operation_is_named_once() -> None:
    names = [operation["operationId"] for found in described()["paths"].values() for operation in found.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_says_what_it_does_who_may_and_how_it_fails(path: str, method: str) -> None:
    operation = described()["paths"][path][method]
    assert operation["description"].endswith(".")
    answers = set(operation["responses"])
    assert {"400", "429", "500"} <= answers
    assert [status for status in answers if status.startswith("2")]
    if path in ("/api/v1/openapi.json", "/api/v1/problems"):
        assert operation.get("security", [{}]) == [{}]
        return
    assert {"401", "403"} <= answers
    needed = getattr(VIEWS[path], "scopes", {}).get(method.upper())
    assert {"personalAccessToken": [needed.value] if needed else []} in operation["security"]
    assert {"session": []} in operation["security"]


@pytest.mark.parametrize("path", [path for path, view in VIEWS.items() if path != "/api/v1/me"])
def test_every_method_names_the_scope_that_a_token_needs(path: str) -> None:
    view = VIEWS[path]
    if view.authentication_classes:
        scopes: dict[str, ControlScope] = view.scopes  # type: ignore[attr-defined]
        assert {method.lower() for method in scopes} == methods_of(view)
        assert all(("write" in scope) == (method != "GET") for method, scope in scopes.items())


def test_every_scope_opens_something() -> None:
    used = {scope for view in VIEWS.values() for scope in getattr(view, "scopes", {}).values()}
    assert used == set(ControlScope)


@pytest.mark.parametrize("path", VIEWS)
def test_a_view_states_who_may_come_in_its_first_lines(path: str) -> None:
    stated = list(vars(VIEWS[path]))[1:]  # after __module__
    stated = [name for name in stated if not name.startswith("__")][:4]
    assert stated == ["authentication_classes", "permission_classes", "throttle_classes", "parser_classes"]


def schema_of(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": described()["components"]}


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_an_example_fits_its_schema(name: str) -> None:
    assert list(Draft202012Validator(schema_of(name)).iter_errors(examples.EXAMPLES[name])) == []


def test_every_body_has_an_example() -> None:
    names = {name for name in described()["components"]["schemas"] if name.endswith("Body")}
    assert names
    assert names <= set(examples.EXAMPLES)


def test_no_object_takes_members_that_nobody_named() -> None:
    open_ones = [
        name
        for name, schema in described()["components"]["schemas"].items()
        if "properties" in schema and schema.get("additionalProperties") is not False
    ]
    assert open_ones == []


def test_views_below_this_api_use_its_schema() -> None:
    assert {type(view.schema) for view in VIEWS.values()} == {Schema}
