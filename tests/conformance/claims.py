"""Which requirements there are (the .toml files beside this one) and which tests claim to show them.

A test claims by `@pytest.mark.covers("T05", …)`, a module by `pytestmark`. The claims are read from the sources, so
that a run of one test knows them all. A test that is expected to fail shows nothing, and its claim does not count.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent


def requirements() -> tuple[dict[str, str], dict[str, str]]:
    """Return what is to be shown, by id, and what is left for later, with the reason."""
    ids: dict[str, str] = {}
    later: dict[str, str] = {}
    for path in sorted(HERE.glob("*.toml")):
        content = tomllib.loads(path.read_text())
        for kept, found in ((ids, content["ids"]), (later, content["later"])):
            twice = (ids.keys() | later.keys()) & found.keys()
            if twice:
                raise ValueError(f"{path.name} lists again: {sorted(twice)}")
            kept.update(found)
    return ids, later


def claims_in(source: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield an id and a test for every claim in a source; the id is empty where it is not spelled out."""
    tree = ast.parse(source)
    of_module = [
        each
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for each in _ids(node.value)
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        if any(ast.unparse(decorator).startswith("pytest.mark.xfail") for decorator in node.decorator_list):
            continue
        for each in [*of_module, *(each for decorator in node.decorator_list for each in _ids(decorator))]:
            yield each, f"{name}::{node.name}"


def _ids(tree: ast.AST) -> list[str]:
    """Return what the `covers(…)` calls in this piece of code name."""
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.covers")
    ]
    return [_text(argument) for call in calls for argument in call.args]


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def claims() -> dict[str, list[str]]:
    """Return the tests that claim each id."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for each, test in claims_in(path.read_text(), str(path.relative_to(TESTS))):
            found[each].append(test)
    return found


def breaches(ids: dict[str, str], later: dict[str, str], claimed: dict[str, list[str]]) -> list[str]:
    """Return one sentence per requirement that no test shows, and per claim of something that is none."""
    shown = [f"{each} has no test: {ids[each]}" for each in ids if not claimed.get(each)]
    listed = ids | later
    strange = [(each, test) for each, tests in claimed.items() if each not in listed for test in tests]
    unknown = [f"{test} claims {each or 'something'}, which is not listed" for each, test in strange]
    early = [f"{each} is left for later, yet {claimed[each][0]} claims it" for each in later if claimed.get(each)]
    return shown + unknown + early
