"""Second factors: how their secrets are kept, when they are demanded, and what wants a sign-in of a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.factors import sealing
from accounts.factors.adapter import FactorAdapter
from accounts.factors.demand import second_step_demanded
from accounts.models import User
from authserver import policy
from authserver.models import Event
from tests.accounts.conftest import sign_in
from tests.flows.accounts.detours import set_up_app, shown_by_app
from tests.people import Person, World

OLD, NEW = "the old key, long enough for every check there is", "the new key, long enough for every check there is"
PASSKEY = {"name": "Phone", "credential": {}}


def add(user: User, *kinds: str) -> None:
    for kind in kinds:
        Authenticator.objects.create(user=user, type=kind, data=PASSKEY | {"seed": sealing.seal("s"), "used_mask": 0})


def age_sign_in(client: Client, by: timedelta) -> None:
    """Let this browser's sign-in be so long ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= by.total_seconds()
    session.save()


# --- Secrets at rest


def test_the_secret_of_an_app_is_sealed(world: World, settings: Any) -> None:
    secret = set_up_app(world.alice.sign_in())
    assert secret not in str(Authenticator.objects.values_list("data", flat=True))


def test_a_secret_that_no_key_opens_has_no_code_that_fits(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    sealed = sealing.seal("JBSWY3DPEHPK3PXP")
    settings.SECRET_KEY = NEW
    with pytest.raises(sealing.CannotOpen):
        sealing.unseal(sealed)
    opened = {FactorAdapter().decrypt(sealed) for _ in range(2)}
    assert len(opened) == 2
    assert not opened & {"", "JBSWY3DPEHPK3PXP"}
    assert "cannot be opened" in caplog.text


# --- When a second step is demanded


@pytest.mark.parametrize(
    ("kinds", "demanded"),
    [
        ((), False),
        (("webauthn",), False),  # as after the offer at sign-up: nothing would let its person in without the device
        (("recovery_codes",), False),
        (("webauthn", "recovery_codes"), True),
        (("totp",), True),
    ],
)
def test_what_a_person_has_decides_whether_a_password_is_enough(
    client: Client, alice: User, kinds: tuple[str, ...], demanded: bool
) -> None:
    add(alice, *kinds)
    assert second_step_demanded(alice) is demanded
    assert sign_in(client, alice.email).headers["Location"].startswith("/accounts/2fa/authenticate/") is demanded
    assert ("_auth_user_id" in client.session) is not demanded


# --- Dangerous acts

ACTS = [
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/recovery-codes/generate/",
    "/accounts/sign-out-everywhere",
    "/connections/all/disconnect",
]


@pytest.mark.covers("screen:S5")
@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_dangerous_act_wants_a_sign_in_of_a_moment_ago(client: Client, alice: User, path: str, method: str) -> None:
    sign_in(client, alice.email)
    assert client.get(path).status_code == 200
    age_sign_in(client, policy.RECENT_SIGN_IN)
    asked = getattr(client, method)(path, {"confirm": "yes"} if method == "post" else {})
    assert asked.status_code == 302
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/?next=")
    assert not Event.objects.filter(tag="person:signed_out_everywhere").exists()


def test_a_password_shown_again_opens_the_way_back(client: Client, alice: User) -> None:
    sign_in(client, alice.email)
    age_sign_in(client, policy.RECENT_SIGN_IN)
    again = client.get("/accounts/sign-out-everywhere").headers["Location"]
    assert again == "/accounts/reauthenticate/?next=%2Faccounts%2Fsign-out-everywhere"
    assert "This is not your password." in client.post(again, {"password": "wrong"}).content.decode()
    back = client.post(again, {"password": "correct horse battery staple"})
    assert back.headers["Location"] == "/accounts/sign-out-everywhere"
    assert client.get(back.headers["Location"]).status_code == 200


def test_a_new_address_waits_for_the_sign_in_and_is_carried_out_then(client: Client, alice: User, mailoutbox) -> None:
    sign_in(client, alice.email)
    age_sign_in(client, policy.RECENT_SIGN_IN)
    assert client.get("/accounts/email/").status_code == 200
    again = client.post("/accounts/email/", {"action_add": "", "email": "new@example.com"}).headers["Location"]
    assert not mailoutbox
    code_page = client.post(again, {"password": "correct horse battery staple"}).headers["Location"]
    assert code_page.startswith("/accounts/confirm-email/")
    code = next(line for line in mailoutbox[-1].body.splitlines() if line.isupper() and "-" in line or line.isalnum())
    client.post(code_page, {"code": code})
    alice.refresh_from_db()
    assert alice.email == "new@example.com"
    assert Event.objects.filter(tag="person:email_changed", person_id=alice.pk).exists()
    assert [mail.to for mail in mailoutbox[1:]] == [["alice@example.com"]]  # who has the old one hears of it


# --- Administrators


@pytest.fixture
def guarded(settings: Any) -> None:
    settings.ADMIN_SECOND_FACTOR = True


def where(person: Person, path: str = "/admin/") -> str:
    """Where an administrator ends who asks for this page; the page itself, or the one that stands before it."""
    answer = person.http.get(path)
    while answer.status_code == 302:
        answer = person.http.get(answer.headers["Location"])
    return answer.request["PATH_INFO"]


@pytest.mark.covers("screen:D9")
@pytest.mark.usefixtures("guarded")
def test_an_administrator_without_a_second_factor_is_led_to_one_and_then_on(world: World) -> None:
    admin = world.admin.sign_in()
    assert where(admin) == "/accounts/2fa/"
    assert "Administrators need a second factor." in admin.http.get("/accounts/2fa/?next=/admin/").content.decode()
    secret = set_up_app(admin)
    assert where(admin) == "/admin/"
    again = Person(admin.email).sign_in()
    assert where(again) == "/accounts/2fa/authenticate/"
    step = again.http.post(
        "/accounts/2fa/authenticate/?next=/admin/", {"code": shown_by_app(secret), "next": "/admin/"}
    )
    assert (step.headers["Location"], where(again)) == ("/admin/", "/admin/")


@pytest.mark.usefixtures("guarded")
def test_an_administrator_shows_a_factor_again_after_a_while_and_before_a_write(world: World) -> None:
    admin = world.admin.sign_in()
    set_up_app(admin)
    page = f"/admin/accounts/user/{world.carol.user.pk}/change/"
    assert admin.http.get(page).status_code == 200
    age_sign_in(admin.http, policy.RECENT_SIGN_IN)
    refused = admin.http.post(page, {"email": "mallory@example.com"})
    assert refused.headers["Location"].startswith("/accounts/reauthenticate/?next=")
    assert admin.http.get(page).status_code == 200
    age_sign_in(admin.http, policy.ADMIN_SESSION)
    assert where(admin) == "/accounts/2fa/reauthenticate/"


@pytest.mark.usefixtures("guarded")
def test_somebody_who_is_no_administrator_gets_nowhere_near(world: World) -> None:
    assert world.alice.sign_in().http.get("/admin/login/").status_code == 403
