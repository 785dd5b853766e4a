"""What a request body asks for: its JSON-RPC methods and tools, and the scopes that these need.

Pure. The gate judges exactly the bytes that the server will read, so everything two parsers could read
differently (duplicate member names, encodings other than UTF-8) is refused here rather than guessed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPEN_METHODS = frozenset({"initialize", "server/discover", "tools/list", "ping"})


@dataclass(frozen=True)
class ToolRule:
    """What one tool needs: scopes, and in mixed mode whether it needs a credential at all."""

    scopes: tuple[str, ...]
    oauth: bool = True


@dataclass(frozen=True)
class Operations:
    """The methods and the called tools of one body, in order; a batch has several."""

    methods: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def lists_tools(self) -> bool:
        """Whether the list of tools is asked for."""
        return "tools/list" in self.methods

    def needed_scopes(self, rules: Mapping[str, ToolRule], *, required: tuple[str, ...]) -> tuple[str, ...]:
        """Return every scope this body needs, ``required`` first, each once. No scope of ours implies another."""
        scopes = list(required)
        for tool in self.tools:
            if rule := rules.get(tool):
                scopes += rule.scopes
        return tuple(dict.fromkeys(scopes))

    def are_open(self, rules: Mapping[str, ToolRule]) -> bool:
        """Return whether mixed mode lets this body in without a credential."""
        if not all(_is_open(method) for method in self.methods):
            return False
        return all(tool in rules and not rules[tool].oauth for tool in self.tools)

    def unlisted(self, rules: Mapping[str, ToolRule]) -> bool:
        """Return whether a tool is called for which there is no rule."""
        return any(tool not in rules for tool in self.tools)


def read(body: bytes) -> Operations | None:
    """Return the operations in a POSTed body, or None when it is not JSON that every parser reads alike.

    Whether it is good JSON-RPC is left to the server behind the gate; what is no ``tools/call`` needs no tool scope.
    """
    try:
        decoded = json.loads(body.decode("utf-8"), object_pairs_hook=_unique_members)
    except (ValueError, RecursionError):
        return None
    messages = decoded if isinstance(decoded, list) else [decoded]
    methods: list[str] = []
    tools: list[str] = []
    for message in messages:
        method = message.get("method") if isinstance(message, dict) else None
        if isinstance(method, str):
            methods.append(method)
            if method == "tools/call":
                tools.append(_tool_name(message))
    return Operations(tuple(methods), tuple(tools))


def _is_open(method: str) -> bool:
    return method in OPEN_METHODS or method == "tools/call" or method.startswith("notifications/")


def _tool_name(message: dict[str, Any]) -> str:
    params = message.get("params")
    name = params.get("name") if isinstance(params, dict) else None
    return name if isinstance(name, str) else ""


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name stands twice")
    return members
