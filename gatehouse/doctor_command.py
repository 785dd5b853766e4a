"""`gatehouse doctor`: the arguments, and the report on a terminal or as JSON.

Status 0: this client gets to a sign-in page. 1: it does not.
"""

import argparse
import json
import os
import sys

from gatehouse.doctor.clients import CLIENTS
from gatehouse.doctor.engine import SECONDS, examine
from gatehouse.doctor.report import PROFILES, TITLES, Outcome, Report, Step
from gatehouse.words import Finding, printable

FAILED = 1
SIGNS = {Outcome.GOOD: "✓", Outcome.WARNED: "!", Outcome.FAILED: "✗", Outcome.SKIPPED: "–"}


def add(commands: argparse._SubParsersAction) -> None:
    """Add `doctor` to the commands."""
    parser = commands.add_parser("doctor", help="walk from an MCP URL to a sign-in page as one client does")
    add = parser.add_argument
    add("url", metavar="URL", help="the MCP URL")
    add("--as", dest="profile", choices=PROFILES, default="generic", metavar="CLIENT", help=", ".join(PROFILES))
    issuer = os.environ.get("GATEHOUSE_ISSUER", "")
    add("--issuer", default=issuer, help="the authorization server that is meant (GATEHOUSE_ISSUER)")
    add("--redirect-uri", action="append", default=[], metavar="URI", help="a callback instead of the client's own")
    add("--client-id", default="", help="examine this client, and register none")
    add("--seconds", type=float, default=SECONDS, help="how long the walk may take")
    add("--verbose", action="store_true", help="tell what was sent and what came back at every step")
    add("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, complete=complete)


def complete(options: argparse.Namespace) -> str:
    """Return what is wrong with the arguments, or nothing."""
    if options.client_id and not options.redirect_uri:
        return "a client is examined with a callback of its own: --redirect-uri"
    return "" if options.seconds > 0 else "--seconds has to be more than 0"


def run(options: argparse.Namespace) -> int:
    """Examine, print the report, and return the exit status."""
    report = examine(
        options.url,
        profile=options.profile,
        expected_issuer=options.issuer,
        redirect_uris=options.redirect_uri,
        client_id=options.client_id,
        seconds=options.seconds,
    )
    told = json.dumps(as_json(report), indent=1) + "\n" if options.json else lines(report, verbose=options.verbose)
    sys.stdout.write(told)
    return 0 if report.ok else FAILED


def as_json(report: Report) -> dict[str, object]:
    """Return the whole report as JSON takes it."""
    return {
        "url": report.url,
        "client": report.profile,
        "ok": report.ok,
        "steps": [
            {
                "name": step.name,
                "outcome": step.outcome.value,
                "sent": step.sent,
                "got": step.got,
                "findings": [_told(finding) for finding in step.findings],
            }
            for step in report.steps
        ],
    }


def _told(finding: Finding) -> dict[str, object]:
    return {"code": finding.code, "cause": finding.cause, "fix": finding.fix, "facts": dict(finding.facts)}


def lines(report: Report, *, verbose: bool = False) -> str:
    """Return the report as lines: one for each step, and below it what was seen and what to do."""
    title = CLIENTS[report.profile].title
    found = [f"{printable(report.url)}, as {title}", ""]
    for step in report.steps:
        found += _step_lines(step, verbose=verbose)
    return "\n".join([*found, "", _verdict(report, title)]) + "\n"


def _step_lines(step: Step, *, verbose: bool) -> list[str]:
    aside = " (nothing to look at)" if step.outcome is Outcome.SKIPPED else ""
    found = [f"{SIGNS[step.outcome]} {TITLES[step.name]}{aside}"]
    if step.sent and (verbose or step.findings):
        found += [f"    sent   {step.sent}", f"    got    {step.got}"]
    for finding in step.findings:
        found += [f"    cause  {finding.cause}", f"    fix    {finding.fix}"]
    return found


def _verdict(report: Report, title: str) -> str:
    failures = sum(step.outcome is Outcome.FAILED for step in report.steps)
    warned = sum(step.outcome is Outcome.WARNED for step in report.steps)
    if failures:
        return f"{title} does not get in: {failures} of {len(report.steps)} steps failed. Mend the first one first."
    return f"{title[0].upper()}{title[1:]} gets to the sign-in page" + (
        f", with {warned} of {len(report.steps)} steps to look at." if warned else "."
    )
