"""The line to the servers: every request of a walk, bounded in time and in where it may go, and noted in one line."""

import queue
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gatehouse import wire
from gatehouse.wire import Answer
from gatehouse.words import Finding, failed, shown

Origin = tuple[str, str, int]
Found = TypeVar("Found")
CREDENTIALS = re.compile(r"([?&#](?:code|access_token|refresh_token|id_token|client_secret)=)[^&\s]*")

# So that a server which looks out for clients in trouble does not take a walk for one.
MARK = {"X-Gatehouse-Doctor": "1"}


@dataclass
class Line:
    """`over_at` is the monotonic time when the walk ends, `seconds` how long it was to take. `origins` are the only
    ones that may be called, where they are given. `sent` and `got` tell of the last request."""

    over_at: float
    seconds: float
    origins: Collection[Origin] | None = None
    sent: str = ""
    got: str = ""
    _hidden: set[str] = field(default_factory=set, repr=False)

    def hide(self, secret: str) -> None:
        """Never show this again, whoever repeats it."""
        if secret:
            self._hidden.add(secret)

    def clean(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "…")
        return CREDENTIALS.sub(r"\1…", text)

    def cleaned(self, finding: Finding) -> Finding:
        """Return the finding without what is hidden."""
        facts = {name: self.clean(fact) for name, fact in finding.facts.items()}
        return replace(finding, cause=self.clean(finding.cause), fix=self.clean(finding.fix), facts=facts)

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        tells: str = "",
        shows: str = "content-type",
    ) -> Answer:
        """Return the answer to a request. `tells` says in one word what is asked, `shows` names the header that
        matters in the answer. Raises Failed."""
        self.sent = shown(self.clean(f"{method} {url}" + (f" ({tells})" if tells else "")))
        self.got = "nothing"
        if self.origins is not None and wire.origin(url) not in self.origins:
            self.got = "not asked"
            raise failed("not_called", url=url)
        seconds = self.remaining(url)
        answer = bounded(
            lambda: wire.exchange(method, url, headers={**headers, **MARK}, body=body, seconds=seconds),
            url=url,
            seconds=seconds,
        )
        self.tell(answer, shows="location" if answer.status in wire.REDIRECTS else shows)
        return answer

    def tell(self, answer: Answer, *, shows: str) -> None:
        """Say of an answer its status and the header that matters."""
        name = shows.title().replace("Www", "WWW")
        value = answer.header(shows)
        self.got = shown(self.clean(f"{answer.status}, " + (f"{name}: {value}" if value else f"no {name}")))

    def say(self, sent: str, got: str) -> None:
        """Tell of something else than a request."""
        self.sent, self.got = shown(self.clean(sent)), shown(self.clean(got))

    def remaining(self, url: str) -> float:
        """Return the seconds that a request may take. Raises Failed where the time is over."""
        left = self.over_at - time.monotonic()
        if left <= 0:
            raise failed("out_of_time", seconds=round(self.seconds), url=url)
        return min(left, wire.TIMEOUT_SECONDS)


def bounded(act: Callable[[], Found], *, url: str, seconds: float) -> Found:
    """Return what an act returns, or raise what it raises; Failed where it takes too long. A resolver keeps no time
    limit of ours, so it is left behind in a thread."""
    box: queue.SimpleQueue[tuple[Found | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((act(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        found, error = box.get(timeout=seconds + GRACE_SECONDS)
    except queue.Empty:
        raise failed("too_slow", url=url, seconds=round(seconds, 1)) from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]


GRACE_SECONDS = 0.5  # for the exchange to end by itself, and to say so in its own words
