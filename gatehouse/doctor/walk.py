"""What a walk knows so far, and what one of its steps has to say."""

from dataclasses import dataclass, field

from gatehouse import wire
from gatehouse.challenges import Challenge
from gatehouse.doctor.line import Line
from gatehouse.doctor.profiles import LEGACY, MODERN, Opening, Profile
from gatehouse.doctor.report import Outcome, Step
from gatehouse.documents import Json, text, texts
from gatehouse.wire import Answer
from gatehouse.words import Finding, finding


class Skipped(Exception):
    """There is nothing to look at: what this step needs was not found."""


@dataclass
class Client:
    """Who the doctor is to the authorization server."""

    client_id: str
    redirect_uri: str
    method: str
    secret: str = field(default="", repr=False)
    is_document: bool = False
    is_registered: bool = False  # just now, by us


@dataclass
class Registration:
    """A registration of ours that is to be removed at the end: its address and the token for it."""

    url: str
    token: str = field(repr=False)


@dataclass
class Walk:
    """A walk as one client. Steps fill in what they find; nothing is there that was not seen."""

    url: str
    profile: Profile
    line: Line
    expected_issuer: str = ""
    compat_url: str = ""
    redirect_uris: tuple[str, ...] = ()
    client_id: str = ""
    is_named: bool = False  # its host name leads somewhere
    opening: Answer | None = None
    challenge: Challenge | None = None
    resource: Json | None = None
    resource_name: str = ""  # what the client sends as `resource`
    issuer: str = ""
    metadata_url: str = ""
    metadata: Json | None = None
    client: Client | None = None
    registration: Registration | None = None
    wrong_clocks: set[str] = field(default_factory=set)  # the hosts of which it was said

    @property
    def server(self) -> Json:
        """The authorization server's metadata. Raises Skipped where there is none."""
        if self.metadata is None:
            raise Skipped
        return self.metadata

    def endpoint(self, member: str) -> str:
        """An address of the metadata. Raises Skipped where it has none."""
        found = text(self.server, member)
        if not found:
            raise Skipped
        return found

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the metadata and the challenge offer a new connection, without offline_access."""
        told = self.challenge.scopes if self.challenge else ()
        found = told or texts(self.resource or {}, "scopes_supported")
        return tuple(scope for scope in found if scope != "offline_access")

    @property
    def anchor(self) -> str:
        """The address of whoever asks that decides whether http will do: on this computer it does."""
        named = self.expected_issuer
        return named if named and wire.is_loopback(named) else self.url

    @property
    def is_local(self) -> bool:
        """Everything is on this computer: what is asked of public addresses is not asked here."""
        return wire.is_loopback(self.anchor)

    def headers(self, **own: str) -> dict[str, str]:
        """Headers of this client on any request: its User-Agent, the Origin of its page, and `own`, where an
        underscore stands for a hyphen."""
        agent = {"User-Agent": self.profile.agent} if self.profile.agent else {}
        page = {"Origin": self.profile.page_origin} if self.profile.page_origin and self.profile.page_calls_mcp else {}
        return agent | page | {name.replace("_", "-"): value for name, value in own.items()}

    @property
    def revision(self) -> str:
        return MODERN if self.profile.opening is Opening.DISCOVER else LEGACY


class Notes:
    """What one step found wrong, with the lines of the request at which the worst of it was seen."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._failures: list[Finding] = []
        self._warnings: list[Finding] = []
        self._lines: dict[int, tuple[str, str]] = {}
        line.sent = line.got = ""

    def fail(self, code: str, **facts: object) -> None:
        """This client cannot get past this."""
        self.add(finding(code, **facts))

    def warn(self, code: str, **facts: object) -> None:
        """This client goes on; others do not, or not for long."""
        self._keep(self._warnings, finding(code, **facts))

    def judge(self, code: str, *, fails: bool, **facts: object) -> None:
        """Whether it is a failure depends on the client."""
        (self.fail if fails else self.warn)(code, **facts)

    def add(self, found: Finding) -> None:
        self._keep(self._failures, found)

    def _keep(self, where: list[Finding], found: Finding) -> None:
        cleaned = self._line.cleaned(found)
        if cleaned not in where:
            where.append(cleaned)
            self._lines[id(cleaned)] = (self._line.sent, self._line.got)

    @property
    def codes(self) -> set[str]:
        return {each.code for each in (*self._failures, *self._warnings)}

    def step(self, name: str) -> Step:
        """Return what there is to say of the step."""
        found = [*self._failures, *self._warnings]
        outcome = Outcome.FAILED if self._failures else Outcome.WARNED if found else Outcome.GOOD
        sent, got = self._lines[id(found[0])] if found else (self._line.sent, self._line.got)
        first = found[0] if found else None
        return Step(name=name, outcome=outcome, sent=sent, got=got, finding=first, further=tuple(found[1:]))
