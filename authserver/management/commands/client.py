"""`manage.py client`: register a client by hand, or give one a new secret. The secret is printed this once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authserver.protocol import client_metadata
from authserver.protocol.errors import Refusal
from authserver.services import clients, registration


class Command(BaseCommand):
    help = "Register a client (create), or renew its secret with the old one working on for a week (secret)."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="register a client")
        create.add_argument("--name", required=True)
        create.add_argument("--redirect-uri", action="append", required=True, help="may be given several times")
        create.add_argument("--auth-method", default="none", choices=client_metadata.AUTH_METHODS)
        secret = acts.add_parser("secret", help="give a client a new secret")
        secret.add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        {"create": self._create, "secret": self._secret}[options["act"]](options)

    def _create(self, options: dict[str, Any]) -> None:
        body = {
            "client_name": options["name"],
            "redirect_uris": options["redirect_uri"],
            "token_endpoint_auth_method": options["auth_method"],
        }
        metadata = client_metadata.parse(body)
        if isinstance(metadata, Refusal):
            raise CommandError(metadata.description)
        registered = registration.register(metadata, is_manual=True)
        self.stdout.write(f"client_id: {registered.client.client_id}")
        if registered.secret:
            self.stdout.write(f"client_secret: {registered.secret}")

    def _secret(self, options: dict[str, Any]) -> None:
        client = clients.find(options["client_id"])
        if client is None:
            raise CommandError("There is no client of this id.")
        secret = clients.rotate_secret(client, by=None, now=timezone.now())
        if secret is None:
            raise CommandError("This is a public client: it has no secret.")
        self.stdout.write(f"client_secret: {secret}")
