"""What is watched exists: every figure in the dashboard and the alerts is one that /metrics tells, and every alert has
its line in the runbook."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from authserver.telemetry import counts
from tests.authserver.views.test_metrics import figures
from tests.house import ROOT

FOLDER = ROOT / "deploy" / "observability"
NAME = re.compile(r"gatehouse_[a-z_]+")
ALERTS = (FOLDER / "alerts.yml").read_text()


def told(samples: dict[str, float]) -> set[str]:
    """Every name that a query may use: what is there in an empty house, and what processes count."""
    found = {sample.partition("{")[0] for sample in samples}
    found |= {f"{tally.name}_total" for tally in counts.TALLIES} | {gauge.name for gauge in counts.GAUGES}
    found |= {f"{spread.name}_{part}" for spread in counts.SPREADS for part in ("bucket", "sum", "count")}
    return found | {"gatehouse_broker_tasks"}  # only where the broker is Redis


@pytest.mark.django_db
@pytest.mark.covers("OPS-2")
def test_dashboard_and_alerts_ask_for_figures_that_there_are() -> None:
    known = told(figures())
    dashboard: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(queries) > 20
    for query in [*queries, ALERTS]:
        assert set(NAME.findall(query)) - known == set(), query
    unwatched = known - set(NAME.findall(" ".join([*queries, ALERTS])))
    assert {name for name in unwatched if not name.endswith(("_created", "_sum", "_count", "_bucket"))} == set()


def test_every_alert_has_its_line_in_the_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    runbook = (ROOT / "docs" / "operate" / "watching.md").read_text()
    assert alerts == re.findall(r"^\| `(Gatehouse\w+)` \|", runbook, re.MULTILINE)
