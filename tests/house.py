"""The rules of the house, as functions from a file to its breaches. tests/test_house.py holds the project to them.

A rule takes the path (from the root of the project) and the text of one file, and returns one sentence per breach.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE_LINES = 400
FULLEST_FOLDER_FILES = 15
OURS = ("authserver", "accounts", "handles")
BUILT = {"var", "static", "test-results"}  # at the root
INSTALLED = {"node_modules", "__pycache__", "build"}  # anywhere; the last is what `pip install ./resourceserver` leaves
MAY_BE_LONG = re.compile(
    r"(\.lock|-lock\.json|LICENSE(\.txt)?|OFL\.txt|\.po|\.svg|\.min\.js)$|/migrations/|\.egg-info/"
)

# From the roof to the cellar: a module may import what stands on its own floor or below. The longest match counts.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("authserver.urls", "authserver.asgi", "authserver.serve", "authserver.wsgi", "authserver.celery",
     "authserver.chores", "authserver.apps", "accounts.urls", "handles.urls"),
    ("authserver.views", "authserver.door", "authserver.api", "authserver.admin", "authserver.tasks",
     "authserver.management", "authserver.middleware", "authserver.checks", "authserver.templatetags", "accounts",
     "handles"),
    ("authserver.forms", "authserver.toolkit", "authserver.authentication", "authserver.throttles"),
    ("authserver.services",),
    ("authserver.models",),
    ("handles.access",),
    ("handles.models", "handles.apps"),
    ("accounts.models", "accounts.apps", "accounts.sessions", "accounts.factors.sealing"),
    ("authserver.telemetry",),
    ("authserver.protocol",),
    ("handles.roles", "handles.slugs", "authserver.languages"),  # pure rules, like protocol/
    ("authserver.policy", "authserver.environment", "authserver.settings", "accounts.settings"),
)  # fmt: skip
DJANGO_TOOLKIT = ("oauth2_provider", "oauthlib")
TOOLKIT_ROOMS = ("authserver/toolkit/", "authserver/models", "authserver/admin", "authserver/migrations/")
FOREIGN_TO_RESOURCE_SERVERS = (*OURS, *DJANGO_TOOLKIT, "django", "rest_framework", "allauth", "celery")
# The set-up command runs on other computers, with nothing but Python.
FOREIGN_TO_THE_COMMAND = (*FOREIGN_TO_RESOURCE_SERVERS, "resourceserver", "devtool", "httpx2")
WRITING_ROOMS = ("authserver/services/", "authserver/migrations/", "authserver/management/", "authserver/admin")
WRITES = {"save", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"}
QUERY = re.compile(r"\.(objects|filter|exclude|all|select_for_update)\b")
SQL_WRITE = re.compile(r"\s*(INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b", re.IGNORECASE)
NOT_ROWS = re.compile(r"(^|\.)(cache|session)$")


def files() -> Iterator[Path]:
    """Every file of the project, from the root; not what is built, installed or downloaded."""
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = sorted(name for name in folders if _is_ours(here, name))
        yield from (here / name for name in sorted(names) if name not in (".git", ".env"))


def _is_ours(parent: Path, name: str) -> bool:
    """Tell whether a folder holds files of the project. Not entering the others is what makes this quick."""
    built = parent == Path() and name in BUILT
    return not built and name not in INSTALLED and (not name.startswith(".") or name == ".ci")


def sources() -> Iterator[tuple[str, str]]:
    """Every Python file of the product: its path and its text."""
    for path in files():
        if path.suffix == ".py" and path.parts[0] in (*OURS, "resourceserver", "gatehouse"):
            yield str(path), (ROOT / path).read_text()


def module_of(path: str) -> str:
    """The dotted name of a file: `authserver/views/token.py` is `authserver.views.token`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: str, text: str) -> Iterator[str]:
    """Every module a file imports, wherever in the file; `from a import b` counts as `a.b`."""
    package = module_of(path).split(".") if path.endswith("__init__.py") else module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def floor_of(module: str) -> int | None:
    """The floor a module stands on, 0 being the cellar; None for what is not ours."""
    found = [
        (len(room), len(FLOORS) - number)
        for number, floor in enumerate(FLOORS, start=1)
        for room in floor
        if module == room or module.startswith(f"{room}.")
    ]
    return max(found)[1] if found else None


def within(module: str, packages: Iterable[str]) -> bool:
    """Tell whether a module is one of the packages or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def arrows_up(path: str, text: str) -> list[str]:
    """Arrows only point down."""
    module = module_of(path)
    if "/migrations/" in path or module in OURS or not within(module, OURS):
        return []
    here = floor_of(module)
    if here is None:
        return [f"{path} stands on no floor: give it one in tests/house.py"]
    ups = [name for name in imports(path, text) if (floor_of(name) or 0) > here]
    return [f"{path} imports {name}, which stands above it" for name in ups]


def toolkit_outside_its_seam(path: str, text: str) -> list[str]:
    """Only the seam (and the swapped models, and their admin) knows django-oauth-toolkit."""
    if path.startswith(TOOLKIT_ROOMS):
        return []
    return [f"{path} imports {name}" for name in imports(path, text) if within(name, DJANGO_TOOLKIT)]


def resource_server_knows_us(path: str, text: str) -> list[str]:
    """The wire is the contract: a resource server shares no code with the authorization server."""
    if not path.startswith("resourceserver/"):
        return []
    return [f"{path} imports {name}" for name in imports(path, text) if within(name, FOREIGN_TO_RESOURCE_SERVERS)]


def command_knows_servers(path: str, text: str) -> list[str]:
    """The set-up command is installed on its own: it does what a client does, over the wire."""
    if not path.startswith("gatehouse/"):
        return []
    return [f"{path} imports {name}" for name in imports(path, text) if within(name, FOREIGN_TO_THE_COMMAND)]


def writes_outside_services(path: str, text: str) -> list[str]:
    """Writes have one home: views call, views do not save."""
    if not path.startswith("authserver/") or path.startswith(WRITING_ROOMS):
        return []
    # An act is called with its module: `clients.delete(client)`.
    acts = {name.rpartition(".")[2] for name in imports(path, text) if name.startswith("authserver.services.")}
    return [f"{path}:{line} writes: {what}" for line, what in _writes(ast.parse(text), acts)]


def _writes(tree: ast.AST, acts: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            receiver, method = ast.unparse(node.func.value), node.func.attr
            on_rows = method in WRITES and receiver not in acts and not NOT_ROWS.search(receiver)
            if on_rows or (method == "update" and QUERY.search(receiver)):
                yield node.lineno, f"{receiver}.{method}()"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_WRITE.match(node.value):
            yield node.lineno, node.value.split("\n")[0]


def too_long(path: str, text: str) -> list[str]:
    """When a file passes 400 lines, cut a room out of it."""
    lines = text.count("\n")
    return [f"{path} has {lines} lines"] if lines > LONGEST_FILE_LINES and not MAY_BE_LONG.search(path) else []


def too_full(paths: Iterable[Path]) -> list[str]:
    """When a folder passes 15 files, cut a room out of it."""
    count: dict[Path, int] = {}
    for path in paths:
        count[path.parent] = count.get(path.parent, 0) + (path.name != "__init__.py")
    full = [
        folder
        for folder, number in count.items()
        if number > FULLEST_FOLDER_FILES and not _is_laid_out_elsewhere(folder)
    ]
    return [f"{folder}/ has {count[folder]} files" for folder in full]


def _is_laid_out_elsewhere(folder: Path) -> bool:
    """Django decides where migrations are, django-allauth where it looks for its pages."""
    return folder.name == "migrations" or folder == Path("templates/account")


def drawer_of_odds_and_ends(path: str, text: str = "") -> list[str]:
    """A file is named after what it is about."""
    return (
        [f"{path}: name it after what it does"] if re.search(r"(^|/)(utils?|helpers?|misc|common)\.py$", path) else []
    )


RULES = (
    arrows_up,
    toolkit_outside_its_seam,
    resource_server_knows_us,
    command_knows_servers,
    writes_outside_services,
    too_long,
    drawer_of_odds_and_ends,
)


# --- Environment variables ------------------------------------------------------------------------------------------

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+$")


def variables_read(path: str, text: str) -> set[str]:
    """The environment variables a file reads: `env.str("X")`, `environ["X"]`, `getenv("X")`, `needed(environ, "X")`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and not ast.unparse(node.func).endswith("setdefault"):
            asked = [node.func, *node.args[:1]]
            if any(re.search(r"\benv(iron)?\b|getenv", ast.unparse(part)) for part in asked):
                found |= {name for name in map(_constant, node.args[:2]) if name}
        elif isinstance(node, ast.Subscript) and re.search(r"\benv(iron)?$", ast.unparse(node.value)):
            found |= {name for name in [_constant(node.slice)] if name}
    return found


def _constant(node: ast.AST) -> str | None:
    """The name of a variable, if the node spells one out."""
    text = node.value if isinstance(node, ast.Constant) else None
    return text if isinstance(text, str) and VARIABLE.match(text) else None


def variables_of_compose(text: str) -> set[str]:
    """The environment variables that the compose file takes from the person who deploys: `${X}`."""
    return set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", text))


def variables_in_table(text: str) -> set[str]:
    """The environment variables that a table in Markdown explains: its rows begin with the name, as code."""
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", text, re.MULTILINE))


def variables_in_example(text: str) -> set[str]:
    """The environment variables of an example file, set or commented out."""
    return set(re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


# --- Documents ------------------------------------------------------------------------------------------------------


def symbols_missing(text: str) -> list[str]:
    """Every dotted name of ours in a document, in code marks, that the code does not have."""
    named = re.findall(r"`((?:authserver|accounts|handles|resourceserver)(?:\.\w+)+)`", text)
    return sorted({name for name in named if not _exists(name)})


def _exists(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:cut])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.exists():
                return _defines(ast.parse(path.read_text()).body, parts[cut:])
    return False


def _defines(body: list[ast.stmt], names: list[str]) -> bool:
    """Tell whether `A.b` is defined in these statements: `A` here, `b` inside it."""
    if not names:
        return True
    for node in body:
        if getattr(node, "name", None) == names[0]:
            return _defines(getattr(node, "body", []), names[1:])
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == names[0] for target in node.targets):
            return not names[1:]
    return False
