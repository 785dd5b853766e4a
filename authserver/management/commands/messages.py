"""`manage.py messages`: the message catalogs of all languages, gathered from the sources, compiled, checked.

For developers, who need GNU gettext (`apt-get install gettext`). Who only runs the server does not: the compiled
catalogs are part of it.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.commands import makemessages
from django.utils.translation import to_locale

ELSEWHERE = (
    "admin",
    "admin.py",
    "tests",
    "benchmarks",
    "devtool",
    "resourceserver",
    "deploy",
    "docs",
    "var",
    "static",
    ".*",
    "migrations",
)
HEADER = """msgid ""
msgstr ""
"Project-Id-Version: Gatehouse\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plurals}
"""


class Gathering(makemessages.Command):
    """Django's own, but it never guesses: a text that changed is untranslated, not translated by what it resembles."""

    msgmerge_options = ["-q", "--backup=none", "--update", "--no-fuzzy-matching"]


class Command(BaseCommand):
    help = "Gather the texts of pages and mail into locale/, and compile what is translated. Needs GNU gettext."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--compile", action="store_true", help="gather nothing: compile the catalogs as they are")
        parser.add_argument("--check", action="store_true", help="change nothing: list what each language still lacks")

    def handle(self, *args: Any, **options: Any) -> None:
        """Gather and compile; or only what an option says. `--check` fails where anything is missing."""
        if not shutil.which("msgfmt"):
            raise CommandError("This needs GNU gettext: apt-get install gettext")
        if options["check"]:
            self._check()
            return
        if not options["compile"]:
            self._gather()
        for path in catalogs():
            self._run("msgfmt", "--check-format", "-o", str(path.with_suffix(".mo")), str(path))
        self.stdout.write(f"{len(catalogs())} catalogs compiled.")

    def _gather(self) -> None:
        for code in (code for code, _ in settings.LANGUAGES if code != "en"):
            (folder() / to_locale(code) / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
        command = Gathering()
        command.run_from_argv(
            ["manage.py", "makemessages", "--no-location", "--no-obsolete", "--no-wrap", "--extension=html,txt,py"]
            + [f"--locale={to_locale(code)}" for code, _ in settings.LANGUAGES if code != "en"]
            + [f"--ignore={pattern}" for pattern in ELSEWHERE]
        )
        for path in catalogs():
            path.write_text(tidy(path.read_text(), language=path.parts[-3]))

    def _check(self) -> None:
        total = 0
        for path in catalogs():
            missing = self._run("msgattrib", "--untranslated", "--no-wrap", str(path))
            texts = [line for line in missing.splitlines() if line.startswith("msgid ") and line != 'msgid ""']
            total += len(texts)
            self.stdout.write(f"{path.parts[-3]}: {len(texts)} missing")
            for text in texts:
                self.stdout.write(f"  {text.removeprefix('msgid ')}")
        if total:
            raise CommandError(f"{total} translations are missing.")

    def _run(self, *command: str) -> str:
        """Return what a tool of gettext printed."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise CommandError(done.stderr.strip())
        return done.stdout


def tidy(text: str, *, language: str) -> str:
    """Return a catalog with a header of ours: no dates, which would change each time."""
    header, blank, texts = text.partition("\n\n")
    plurals = re.search(r'^"Plural-Forms: .*"$', header, re.MULTILINE)
    return HEADER.format(language=language, plurals=plurals[0] if plurals else "").strip() + blank + texts


def folder() -> Path:
    """Return the folder of our catalogs; what a deployment adds lies elsewhere."""
    return Path(settings.BASE_DIR) / "locale"


def catalogs() -> list[Path]:
    """Return the catalog of each language but English, which stands in the sources."""
    return sorted(folder().glob("*/LC_MESSAGES/django.po"))
