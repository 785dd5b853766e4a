"""Strict input: a member is of its type or refused, and what is not known is refused by name."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from authserver import policy

NAME_LENGTH_SHOWN = 40


class Strict(serializers.Serializer):
    """A JSON object whose members are all known."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = {shown(name): ["This member is not known here."] for name in data if name not in self.fields}
            if unknown:
                raise serializers.ValidationError(dict(list(unknown.items())[:10]))
        return super().to_internal_value(data)


def shown(name: str) -> str:
    """Return a name that the caller made up, short and printable."""
    plain = name.encode("ascii", "backslashreplace").decode()
    return re.sub(r"[^\x20-\x7e]", "?", plain)[:NAME_LENGTH_SHOWN]


def body_of(request: Request, form: type[Strict]) -> dict[str, Any]:
    """Return the body of a request as `form` takes it; raises ValidationError."""
    bound = form(data=request.data)
    bound.is_valid(raise_exception=True)
    return bound.validated_data


def query_of(request: Request, form: type[Strict]) -> dict[str, Any]:
    """Return the query of a request as `form` takes it; no parameter may come twice."""
    query: QueryDict = request.query_params
    twice = {shown(name): ["It may come once only."] for name, values in query.lists() if len(values) > 1}
    if twice:
        raise serializers.ValidationError(twice)
    bound = form(data=query.dict())
    bound.is_valid(raise_exception=True)
    return bound.validated_data


class Text(serializers.CharField):
    """A string; numbers are none, and what was sent is not repeated."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One of a closed list, spelled exactly; what was sent is not repeated."""

    default_error_messages = {"invalid_choice": "It is none of the values that are known here."}

    def to_internal_value(self, data: Any) -> Any:
        if type(data) not in (str, int) or data not in self.choices:
            self.fail("invalid_choice")
        return data


class Number(serializers.IntegerField):
    """A JSON integer; text and truth values are none."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Id(serializers.UUIDField):
    """A UUID as text."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid")
        return super().to_internal_value(data)


class Limit(serializers.IntegerField):
    """How many rows a page has, as a query spells it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=policy.API_PAGE_MAX, default=policy.API_PAGE_DEFAULT, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", data, re.ASCII):
            self.fail("invalid")
        return super().to_internal_value(data)


class Words(serializers.ListField):
    """A list of scopes, each once."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_length", 0)
        super().__init__(child=Text(max_length=100), max_length=policy.API_SCOPES_MAX, **kwargs)
