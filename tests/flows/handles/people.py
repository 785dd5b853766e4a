"""What people do on the pages about handles and their people, as browsers do it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client as Http

from authserver.tasks import send_notices
from handles.models import Invitation
from tests.people import PASSWORD, Person

DAYS = "7"


def words_of(page: Any) -> str:
    """The text of a page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.content.decode())).split())


def links_of(page: Any) -> list[str]:
    return [unescape(each) for each in re.findall(r'<a [^>]*href="([^"]*)"', page.content.decode())]


def confirmed(person: Person, path: str) -> Any:
    """Open a page that wants a fresh sign-in; show who one is where it asks. Returns the page itself."""
    answer = person.http.get(path)
    if answer.status_code == 302:
        asked = answer["Location"]
        assert asked.startswith("/accounts/"), asked
        answer = person.http.post(asked, {"password": PASSWORD, "next": path}, follow=True)
    assert answer.status_code == 200
    return answer


def letters() -> list[EmailMessage]:
    """Return all mail so far, what is owed sent as a worker would."""
    send_notices()
    return mail.outbox


def create(person: Person, slug: str, **fields: str) -> Any:
    return person.http.post(
        "/handles/new", {"slug": slug, "display_name": slug.title(), "visibility": "private"} | fields
    )


def invite(person: Person, handle: str = "acme", **fields: str) -> Any:
    form = {"way": "mail", "role": "member", "days": DAYS} | fields
    return person.http.post(f"/handles/{handle}/invitations", form)


def invite_by_link(person: Person, handle: str = "acme", **fields: str) -> str:
    """Make an invitation by link; return its secret."""
    page = invite(person, handle, **{"way": "link", "uses": "1"} | fields)
    assert page.status_code == 200, words_of(page)
    found = re.search(r"/invitations#(inv_\w+)", page.content.decode())
    assert found, "no link on the page"
    return found.group(1)


def open_link(http: Http, secret: str, following: str = "") -> Any:
    """Post what the script takes from behind the #."""
    return http.post("/invitations", {"link": secret} | ({"next": following} if following else {}))


def answer(person: Person, row: Invitation, decision: str = "accept", following: str = "") -> Any:
    form = {"decision": decision} | ({"next": following} if following else {})
    return person.http.post(f"/invitations/{row.pk}", form)


def join_by_link(person: Person, secret: str) -> Any:
    opened = open_link(person.http, secret)
    assert opened.status_code == 302, words_of(opened)
    return person.http.post(opened["Location"], {"decision": "accept"})


def sign_up(person: Person, following: str) -> Any:
    """Create an account on the real pages, with the code from the mail; return the answer that leads on."""
    page = f"/accounts/signup/?{urlencode({'next': following})}"
    person.http.get(page)
    answered = person.http.post(page, {"email": person.email, "password1": PASSWORD, "next": following})
    assert answered.status_code == 302, words_of(answered)
    code = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code, mail.outbox[-1].body
    offer = person.http.post(answered["Location"], {"code": code.group(1), "next": following})["Location"]
    return person.http.post(offer, {"action": "skip", "next": following})


def path_of(link: str) -> str:
    return urlsplit(link).path
