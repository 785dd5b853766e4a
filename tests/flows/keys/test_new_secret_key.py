"""SECRET_KEY is changed in a running world. With the former one among the fallbacks nobody notices; once what rested
under it is sealed anew, it may go. Without it, what each thing that depends on the key loses is what docs/operations.md
says ("What depends on SECRET_KEY")."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client as Http

from authserver import policy, tasks
from authserver.models import Event, ResourceServer, TraceStep
from authserver.services.receipts import keys
from authserver.services.trace import notes
from tests.flows.accounts.detours import set_up_app, shown_by_app
from tests.flows.handles.people import invite_by_link, open_link
from tests.people import PASSWORD, App, Tokens, World, field_value, tokens_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD = "the-old-key-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF"
NEW = "the-new-key-9876543210-zyxwvutsrqponmlkjihgfedcba-FEDCBA"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Held:
    """What people, clients and the server hold when the key changes, each of it made over HTTP."""

    world: World
    app: App = field(default_factory=App.register)
    totp: str = ""
    tokens: Tokens | None = None
    successor: Tokens | None = None
    consent: Any = None
    token_form: str = ""
    shared: str = ""
    seal: str = ""
    kid: str = ""

    def sign(self) -> Held:
        world = self.world
        self.totp = set_up_app(world.alice.sign_in())
        self.tokens = world.connect(world.bob, self.app, handle="acme")
        self.successor = tokens_of(self.app.refresh(self.tokens.refresh))
        notes.flush()
        where = f"/attempts/{TraceStep.objects.filter(connection_id__isnull=False).latest('pk').request_id}"
        page = world.bob.http.post(f"{where}/share").content.decode()
        self.shared = re.search(r"(/attempts/shared/[^<]+)<", page)[1]  # type: ignore[index]
        self.consent = world.bob.open(App.register("Claude").authorize_url())
        self.token_form = field_value(world.bob.http.get("/handles/acme/tokens").content.decode(), "form")
        link = invite_by_link(world.alice, "globex")
        assert open_link(world.carol.sign_in().http, link).status_code == 302
        self.seal, self.kid = keys.sign({"month": "2026-10"}, typ="seal"), keys.signer().kid
        return self

    # --- What depends on the key, each by whether it goes on

    def session(self) -> bool:
        return self.world.bob.http.get("/connections").status_code == 200

    def list_of_sessions(self) -> bool:
        return "This browser" in self.world.bob.http.get("/accounts/sessions/").content.decode()

    def second_factor(self) -> bool:
        browser = Http(headers={"accept": "text/html"})
        browser.post("/accounts/login/", {"login": self.world.alice.email, "password": PASSWORD})
        answer = browser.post("/accounts/2fa/authenticate/", {"code": shown_by_app(self.totp)})
        return answer.status_code == 302

    def open_consent(self) -> bool:
        return self.world.bob.decide(self.consent, handle="acme").status_code == 302

    def open_form_of_a_token(self) -> bool:
        form = {"form": self.token_form, "name": "Nightly", "scope": ["links.read"], "days": "30"}
        return self.world.bob.http.post("/handles/acme/tokens", form).status_code == 200

    def opened_invitation(self) -> bool:
        return "globex" in self.world.carol.http.get("/invitations").content.decode()

    def shared_link(self) -> bool:
        return Http().get(self.shared).status_code == 200

    def signing_key(self) -> bool:
        return keys.signer().kid == self.kid

    # --- What does not

    def connection(self) -> bool:
        assert self.successor
        return self.world.asker.is_active(self.successor.access)

    def refresh_within_the_leeway(self) -> bool:
        assert self.tokens
        assert self.successor
        return tokens_of(self.app.refresh(self.tokens.refresh)).access == self.successor.access

    def ledger_seal(self) -> bool:
        return keys.verify(self.seal, typ="seal") is not None


Thing = Callable[[Held], bool]
DEPENDS: tuple[Thing, ...] = (
    Held.session,
    Held.list_of_sessions,
    Held.second_factor,
    Held.open_consent,
    Held.open_form_of_a_token,
    Held.opened_invitation,
    Held.shared_link,
    Held.signing_key,
)
DEPENDS_NOT: tuple[Thing, ...] = (Held.refresh_within_the_leeway, Held.connection, Held.ledger_seal)


def going_on(held: Held, things: tuple[Thing, ...]) -> list[str]:
    return [thing.__name__ for thing in things if thing(held)]


def names(things: tuple[Thing, ...]) -> list[str]:
    return [thing.__name__ for thing in things]


def status() -> str:
    out = StringIO()
    call_command("keys", "status", stdout=out)
    return out.getvalue()


def found_by_checks() -> set[str]:
    return {str(each.id) for each in run_checks(databases=["default"]) if str(each.id) > "gatehouse.E07"}


@pytest.mark.covers("req:D4")
def test_a_new_key_with_the_former_one_beside_it_is_noticed_by_nobody_and_then_the_former_one_goes(
    world: World, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    with time_machine.travel(NOW) as clock:
        tasks.reseal()
        held = Held(world).sign()
        clock.shift(MINUTE)

        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
        tasks.reseal()
        said = status()
        assert f"since {NOW + MINUTE:%Y-%m-%d %H:%M} UTC" in said
        assert "signing keys: 1 under fallback 1" in said
        assert "second factors: 2 under fallback 1" in said
        assert "browser sessions: 3 under fallback 1" in said
        assert (
            "keep it: signing keys (1); second factors (2); browser sessions (3); open forms and shared links" in said
        )
        assert found_by_checks() == set()
        assert going_on(held, DEPENDS + DEPENDS_NOT) == names(DEPENDS + DEPENDS_NOT)
        assert Event.objects.filter(tag="secret_key:changed").count() == 1
        assert world.alice.http.get("/connections").status_code == 200  # though she signed in elsewhere meanwhile

        assert tasks.reseal() == 0  # a node may still have the former key only
        clock.shift(policy.RESEAL_AFTER)
        assert tasks.reseal() >= 3
        assert tasks.reseal() == 0
        assert "keep it: open forms and shared links, until" in status()
        clock.shift(policy.FORMER_KEY_KEPT)
        assert "nothing needs it: drop it" in status()
        assert found_by_checks() == {"gatehouse.W076"}

        settings.SECRET_KEY_FALLBACKS = []
        assert found_by_checks() == set()
        lasting = (Held.session, Held.list_of_sessions, Held.second_factor, Held.opened_invitation, Held.signing_key)
        assert going_on(held, (*lasting, Held.ledger_seal)) == names((*lasting, Held.ledger_seal))
        assert OLD not in status() + said
        assert NEW not in status() + said


def test_without_the_former_key_what_rests_under_it_is_lost_until_it_is_back_and_connections_go_on(
    world: World, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    with time_machine.travel(NOW) as clock:
        held = Held(world).sign()
        clock.shift(MINUTE)
        settings.SECRET_KEY = NEW
        assert found_by_checks() == {"gatehouse.E075"}
        assert going_on(held, DEPENDS + DEPENDS_NOT) == names(DEPENDS_NOT)
        assert "second factors: 2 under a key that is not here" in status()
        out = StringIO()
        call_command("keys", "reseal", stdout=out)
        assert "second factors: 0 sealed anew" in out.getvalue()

        clock.shift(MINUTE)
        settings.SECRET_KEY_FALLBACKS = [OLD]  # found again
        assert held.second_factor()
        call_command("keys", "reseal", stdout=out)
        assert "second factors: 2 sealed anew" in out.getvalue()
        settings.SECRET_KEY_FALLBACKS = []
        clock.shift(MINUTE)
        assert held.second_factor()
        assert found_by_checks() == set()
        settings.SECRET_KEY = OLD
        Authenticator.objects.all().delete()
        assert found_by_checks() == {"gatehouse.W078"}  # a signing key, which is replaced
        assert "signing keys (" in str(run_checks(databases=["default"]))
        ResourceServer.objects.update(name="Demo resource server")
        settings.PRODUCTION = True
        assert "gatehouse.E077" in found_by_checks()


def test_a_node_that_is_behind_or_went_back_seals_nothing_by_itself(world: World, settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    with time_machine.travel(NOW) as clock:
        tasks.reseal()
        set_up_app(world.alice.sign_in())
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
        tasks.reseal()
        clock.shift(policy.RESEAL_AFTER)
        assert tasks.reseal() > 0
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, [NEW]  # a node not restarted yet
        before = list(Authenticator.objects.order_by("pk").values_list("data", flat=True))
        assert tasks.reseal() == 0
        assert list(Authenticator.objects.order_by("pk").values_list("data", flat=True)) == before
        call_command("keys", "reseal", stdout=StringIO())  # the operator's word: this is today's key
        assert "second factors: 2 under it" in status()
