"""Which program a caller says it is, in our own words. What it sent is never shown, and anybody may send anything: it
helps a person to recognise their own programs, and decides nothing."""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# The first that fits counts: programs that embed a browser or a library name that too.
PROGRAMS = (
    (r"claude-(code|cli)", "Claude Code"),
    (r"\bclaude", "Claude"),
    (r"openai-mcp|chatgpt", "ChatGPT"),
    (r"\bcodex", "Codex"),
    (r"\bcursor/", "Cursor"),
    (r"visual studio code|vscode|\bcode/", "Visual Studio Code"),
    (r"\bwindsurf", "Windsurf"),
    (r"\bzed/", "Zed"),
    (r"gemini-?cli", "Gemini CLI"),
    (r"\bopencode", "OpenCode"),
    (r"postmanruntime", "Postman"),
    (r"^curl/", "curl"),
)
BROWSERS = (
    (r"\bedg(a|ios)?/", "Edge"),
    (r"\bopr/", "Opera"),
    (r"\b(firefox|fxios)/", "Firefox"),
    (r"\b(chrome|chromium|crios)/", "Chrome"),
    (r"\bversion/\S+ .*safari/", "Safari"),
)
SYSTEMS = (
    (r"iphone|ipad", "iOS"),
    (r"android", "Android"),
    (r"mac os x|macintosh", "macOS"),
    (r"windows", "Windows"),
    (r"\bcros\b", "ChromeOS"),
    (r"linux", "Linux"),
)
LIBRARIES = (
    (r"python|aiohttp|httpx", gettext_noop("Python program")),
    (r"\bbun/", gettext_noop("Bun program")),
    (r"\bdeno/", gettext_noop("Deno program")),
    (r"\bnode|undici|axios|^got\b", gettext_noop("Node.js program")),
    (r"go-http-client", gettext_noop("Go program")),
    (r"reqwest|hyper/|ureq", gettext_noop("Rust program")),
    (r"okhttp|\bjava/|apache-httpclient", gettext_noop("Java program")),
    (r"\bruby|faraday", gettext_noop("Ruby program")),
    (r"guzzlehttp|\bphp", gettext_noop("PHP program")),
    (r"\bdart/", gettext_noop("Dart program")),
)


def family(agent: str) -> str:
    """Return the family of the program behind a `User-Agent`, such as "Chrome on macOS", "Claude Code" or "Python
    program"; nothing for none, and "Another program" for one that we do not know."""
    said = agent.strip().lower()
    if not said:
        return ""
    program = _first(PROGRAMS, said)
    if program:
        return program
    browser, system = _first(BROWSERS, said), _first(SYSTEMS, said)
    if browser:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
    library = _first(LIBRARIES, said)
    return _(library) if library else _("Another program")


def _first(table: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for pattern, name in table if re.search(pattern, said)), "")
