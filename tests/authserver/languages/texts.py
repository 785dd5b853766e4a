"""The texts of the flow's pages as their sources have them, without GNU gettext. The list of sources is here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.template import Template
from django.template.base import Node, NodeList
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils.translation import trim_whitespace

ROOT = Path(settings.BASE_DIR)
# Whose texts a person meets between the first sight of an authorization request and its answer.
PAGES = (
    "base.html", "flow.html", "errors/*.html", "includes/*.html", "authorize/*.html", "authorize/*/*.html",
    "allauth/*/*.html", "account/*.html", "mfa/*/*.html", "socialaccount/*.html",
)  # fmt: skip
MODULES = (
    "accounts/*.py", "accounts/*/*.py", "handles/roles.py", "authserver/languages/catalog.py",
    "authserver/models/catalog.py", "authserver/views/authorize.py", "authserver/views/consent/*.py",
    "authserver/views/errors.py",
)  # fmt: skip
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}


def of_flow() -> set[str]:
    """Return every text of the flow: the singular where there are two."""
    modules = {path for pattern in MODULES for path in ROOT.glob(pattern) if not path.name.startswith("admin")}
    pages = {path for pattern in PAGES for path in (ROOT / "templates").glob(pattern)}
    found = {text for path in modules for text in _of_module(path)}
    return found | {text for path in pages for text in _of_page(str(path.relative_to(ROOT / "templates")))}


def _of_module(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS:
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            at = 1 if "pgettext" in ast.unparse(node.func) else 0
            yield from texts[at : at + 1]


def _of_page(name: str) -> Iterator[str]:
    template: Template = get_template(name).template  # type: ignore[attr-defined]
    for node in template.nodelist.get_nodes_by_type(Node):
        if isinstance(node, TranslateNode):
            yield str(node.filter_expression.var.literal or node.filter_expression.var)
        elif isinstance(node, BlockTranslateNode):
            yield _block(node, node.singular)


def _block(node: BlockTranslateNode, tokens: NodeList) -> str:
    text = node.render_token_list(tokens)[0]
    return trim_whitespace(text) if node.trimmed else text
