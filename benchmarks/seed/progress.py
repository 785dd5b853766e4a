"""How far a long job is, on stderr: one line that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

WIDTH = 30
EVERY_SECONDS = 0.2  # on a terminal
SELDOM_SECONDS = 10.0  # in a log


class Progress:
    """Counts rows up to a total: `add` as they are written, `close` at the end."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.begun = self.shown = time.monotonic()
        self.moves = sys.stderr.isatty()

    def add(self, rows: int) -> None:
        self.done += rows
        if time.monotonic() - self.shown > (EVERY_SECONDS if self.moves else SELDOM_SECONDS):
            self._show()

    def close(self) -> None:
        self._show()
        if self.moves:
            print(file=sys.stderr)

    def _show(self) -> None:
        self.shown = time.monotonic()
        rate = self.done / max(self.shown - self.begun, 0.001)
        filled = WIDTH * self.done // max(self.total, 1)
        bar = "#" * filled + "-" * (WIDTH - filled)
        text = f"{self.label:>24} [{bar}] {self.done:,} of {self.total:,}, {rate:,.0f} rows/s"
        print(f"\r{text}\x1b[K" if self.moves else text, end="" if self.moves else "\n", file=sys.stderr, flush=True)


def step(text: str) -> None:
    """Say what is done now."""
    print(f"{text:>24}", file=sys.stderr, flush=True)
