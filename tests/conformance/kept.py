"""What a process keeps in memory from one request to the next: found in the source, for docs/operate/limits.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests import house

FOLDERS = ("authserver/", "accounts/", "handles/", "resourceserver/")
CONTAINERS = {"dict", "list", "set", "deque", "OrderedDict", "defaultdict", "Counter", "LocMemCache"}
QUEUES = {"Queue", "SimpleQueue", "LifoQueue"}
CACHES = {"lru_cache", "cache"}


def found() -> set[str]:
    """Return `folder/file.py:name` of every container that outlives a request, and every function that remembers."""
    return {
        f"{path}:{name}"
        for path, text in house.sources()
        if path.startswith(FOLDERS) and "/migrations/" not in path
        for name in kept_by(text)
    }


def kept_by(text: str) -> Iterator[str]:
    """Yield the names in one module: its own, those of its objects (`Class.name`), and its functions that remember."""
    tree = ast.parse(text)
    yield from _assigned(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and CACHES & {_called(each) for each in node.decorator_list}:
            yield node.name
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    yield from (f"{node.name}.{name}" for name in _assigned(method.body, of="self"))


def _assigned(body: list[ast.stmt], *, of: str = "") -> Iterator[str]:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not _is_container(node.value):
            continue
        for target in targets:
            if not of and isinstance(target, ast.Name) and not target.id.isupper() and not target.id.startswith("__"):
                yield target.id
            if of and isinstance(target, ast.Attribute) and ast.unparse(target.value) == of:
                yield target.attr


def _is_container(value: ast.expr | None) -> bool:
    """Tell whether this makes something that is empty and grows."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    return isinstance(value, ast.Call) and (
        _called(value) in QUEUES
        or (_called(value) in CONTAINERS and (not value.args or _called(value) == "LocMemCache"))
    )


def _called(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
