"""`./dev manage gallery` comes here: a world and a server of their own in a throw-away folder, and a photograph of
every scene in every look. The pictures are for eyes, and never committed."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from tests.servers import find_chromium, free_port

# What is photographed in one visit: the look, the width and height, and what the browser is told to prefer.
PAPER = {"reduced_motion": "reduce"}
DESKTOP = {"width": 1280, "height": 900}
LOOKS = (
    ("light", DESKTOP, {"color_scheme": "light", "forced_colors": "none"}),
    ("dark", DESKTOP, {"color_scheme": "dark", "forced_colors": "none"}),
    ("forced-colours", DESKTOP, {"color_scheme": "light", "forced_colors": "active"}),
    ("phone", {"width": 360, "height": 740}, {"color_scheme": "light", "forced_colors": "none"}),
    ("phone-dark", {"width": 360, "height": 740}, {"color_scheme": "dark", "forced_colors": "none"}),
    ("zoomed", {"width": 320, "height": 256}, {"color_scheme": "light", "forced_colors": "none"}),  # 1280 at 400 %
)
ARABIC = (
    ("arabic", DESKTOP, {"color_scheme": "light", "forced_colors": "none"}),
    ("arabic-phone", {"width": 360, "height": 740}, {"color_scheme": "light", "forced_colors": "none"}),
)
WITHOUT_SCRIPT = (("no-script", DESKTOP, {"color_scheme": "light", "forced_colors": "none"}),)
VISITS = (
    ({"locale": "en-GB"}, LOOKS),
    ({"locale": "ar"}, ARABIC),
    ({"locale": "en-GB", "java_script_enabled": False}, WITHOUT_SCRIPT),
)


@contextmanager
def product(folder: Path) -> Iterator[str]:
    """Run the product in this folder, with everybody in it. Gives its origin."""
    port = free_port()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "authserver.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's event loop runs in this thread
        "DEBUG": "1",
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a key for pictures only",
        "ISSUER": f"http://localhost:{port}",  # a name: a number cannot have passkeys
        "SIGN_IN_WITH": "acme",
        "OIDC_ACME_ISSUER": "https://login.acme.example",
        "OIDC_ACME_NAME": "Acme Login",
        "OIDC_ACME_CLIENT_ID": "us",
        "OIDC_ACME_CLIENT_SECRET": "a secret for pictures only",
        "EMAIL_URL": "dummymail://",
        "LOG_LEVEL": "WARNING",
        "SIGN_INS_PER_MINUTE": "100000",
        "REGISTRATIONS_PER_MINUTE": "100000",
    }
    import django
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from devtool.servers import Server, running, wait_until_ready

    django.setup()
    call_command("migrate", verbosity=0)
    setup_test_environment()  # its people use Django's own client
    command = [sys.executable, "-m", "authserver.serve", "--port", str(port)]
    server = Server("authorization server", command, dict(os.environ), folder / "server.log", port, "/readyz")
    with running([server]):
        wait_until_ready([server])
        yield f"http://localhost:{port}"


def photograph(home: str, out: Path, only: str) -> list[str]:
    """Take the pictures. Return what went wrong, a line each."""
    from playwright.sync_api import sync_playwright

    from tests.browser import scenes
    from tests.people import make_world

    world, wrong = make_world(), []
    scenes.furnish(world)
    people: dict = {}
    with sync_playwright() as playwright:
        flags = ["--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        for name, play in scenes.matching(only).items():
            print(name, flush=True)
            for how, looks in VISITS:
                with browser.new_context(viewport=DESKTOP, **how) as context:
                    context.set_default_timeout(15_000)
                    page = context.new_page()
                    try:
                        play(scenes.Stage(page, home, world, people))
                        page.wait_for_load_state("load")
                        for look, size, media in looks:
                            page.set_viewport_size(size)
                            page.emulate_media(**media, **PAPER)
                            page.screenshot(path=out / f"{name}.{look}.png", full_page=True)
                    except Exception as error:  # one scene that breaks must not cost the others
                        wrong.append(f"{name} ({looks[0][0]}): {str(error).partition(chr(10))[0]}")
    return wrong


STYLE = """
body { font: 14px sans-serif }
th { text-align: start; vertical-align: top }
img { width: 220px; height: 300px; object-fit: cover; object-position: top; border: 1px solid #ccc }
"""


def write_index(out: Path) -> None:
    """Write the page that leads to every picture there is in this folder."""
    looks = [look for _, looks in VISITS for look, _, _ in looks]
    names = sorted({path.name.split(".")[0] for path in out.glob("*.png")})
    head = "".join(f"<th>{look}</th>" for look in looks)
    rows = "".join(
        f'<tr id="{escape(name)}"><th scope="row">{escape(name)}</th>'
        + "".join(_cell(out, name, look) for look in looks)
        + "</tr>"
        for name in names
    )
    (out / "index.html").write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Gallery</title><style>{STYLE}</style>"
        f"<h1>{len(names)} pages</h1><table><thead><tr><th></th>{head}</tr></thead>{rows}</table>"
    )


def _cell(out: Path, name: str, look: str) -> str:
    file = escape(f"{name}.{look}.png")
    if not (out / file).exists():
        return "<td></td>"
    return f'<td><a href="{file}"><img src="{file}" alt="{escape(name)}, {look}" loading="lazy"></a></td>'


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev manage gallery", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if find_chromium() is None:
        print("Chromium is missing: apt-get install chromium", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder, product(Path(folder)) as home:
        wrong = photograph(home, options.out, options.only)
    write_index(options.out)
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
