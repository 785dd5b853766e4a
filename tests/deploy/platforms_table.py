"""The table of variables in docs/operate/platforms.md, from the platforms' own files:
`python -m tests.deploy.platforms_table`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from tests.house import ROOT

PAGE = ROOT / "docs" / "operate" / "platforms.md"
BEGIN, END = "<!-- Written by `.venv/bin/python -m tests.deploy.platforms_table`. -->\n", "<!-- to here -->\n"
# What belongs where secrets are kept. `OIDC_…_CLIENT_SECRET` are more of them, one for each provider.
SECRETS = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "DOOR_DATABASE_URL", "CACHE_URL", "CELERY_BROKER_URL",
    "EMAIL_URL", "METRICS_TOKEN", "ALARM_WEBHOOK_URL", "ALARM_WEBHOOK_SECRET", "SENTRY_DSN",
)  # fmt: skip
ASKED = "; needed"
Places = dict[str, str]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def compose() -> Places:
    found: Places = {}
    for name, value in yaml.safe_load(text("docker-compose.yml"))["services"]["app"]["environment"].items():
        if name.endswith("_FILE"):
            found[name.removesuffix("_FILE")] = f"`var/secrets/{value.rpartition('/')[2]}`"
        else:
            found[name] = f"`.env`{ASKED}" if ":?" in value else "`.env`" if "$" in value else f"set: `{value}`"
    return found


def chart() -> Places:
    helpers = text("deploy/helm/templates/_helpers.tpl")
    found: Places = {}
    for name, value in re.findall(r"- \{name: ([A-Z_]+), value: (.+)\}\n", helpers):
        if name.endswith("_FILE"):
            found[name.removesuffix("_FILE")] = f"Secret, `{value.rpartition('/')[2]}`{ASKED}"
        elif place := re.search(r"\.Values\.([\w.]+)", value):
            found[name] = f"`{place[1]}`{ASKED if 'required' in value else ''}"
    # Inside `with .Values.former`, each list has its own `with`.
    return found | {
        name: f"`former.{each}`" for each, name in re.findall(r"with \.(\w+) \}\}\n- \{name: (\w+)", helpers)
    }


def fly() -> Places:
    file = text("deploy/fly.toml")
    told = file.partition("fly secrets set ")[2].partition("\n#   Other")[0]
    secrets = re.findall(r"\b([A-Z_]+)=", told)
    attached = re.findall(r"\(sets ([A-Z_]+)\)", file)
    return (
        dict.fromkeys(tomllib.loads(file)["env"], "`[env]`")
        | dict.fromkeys(secrets, "`fly secrets set`")
        | dict.fromkeys(attached, "`fly postgres attach`")
    )


def render() -> Places:
    found = yaml.safe_load(text("deploy/render.yaml"))
    web = next(service for service in found["services"] if service["type"] == "web")
    given = [*found["envVarGroups"][0]["envVars"], *web["envVars"]]
    return {each["key"]: _rendered(each) for each in given if "key" in each and each["key"] != "PORT"}


def _rendered(each: dict[str, Any]) -> str:
    if each.get("sync") is False:
        return "it asks"
    if each.get("generateValue"):
        return "it makes one"
    return "the group" if "value" in each else "by itself"


# For each platform: what its file says, where else secrets go, and where everything else does.
PLATFORMS: dict[str, tuple[Callable[[], Places], str, str]] = {
    "compose file": (compose, "`var/secrets/others`", "`.env`"),
    "chart": (chart, "`secretVariables`", "`env`"),
    "Fly.io": (fly, "`fly secrets set`", "`[env]`"),
    "Render": (render, "the group, in the dashboard", "the group"),
}


def table() -> str:
    """Return the table: whatever a platform's file names, and every secret, in the order of docs/operations.md."""
    named = {title: read() for title, (read, _, _) in PLATFORMS.items()}
    wanted = {*SECRETS, *(name for places in named.values() for name in places)}
    order = re.findall(r"^\| `([A-Z_]+)`", text("docs/operations.md"), re.MULTILINE)
    assert wanted <= set(order), wanted - set(order)
    rows = [("variable", *PLATFORMS), ("---",) * (len(PLATFORMS) + 1)]
    rows += [(f"`{name}`", *_cells(name, named)) for name in order if name in wanted]
    rows.append(("every other", *(others for _, _, others in PLATFORMS.values())))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(name: str, named: dict[str, Places]) -> Iterator[str]:
    for title, (_, secrets, others) in PLATFORMS.items():
        yield named[title].get(name, secrets if name in SECRETS else others)


def written() -> str:
    """Return the page with the table in its place."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written())
