"""Make the public client and the two confidential ones (secret hashed as by default, or not); print their row ids."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
django.setup()

from oauth2_provider.models import Application  # noqa: E402  (models cannot be imported before the set-up)

given = json.load(sys.stdin)
code = {"authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE, "redirect_uris": given["callback"]}
asks = {"client_type": Application.CLIENT_CONFIDENTIAL, "client_secret": given["secret"], **code}
public = Application.objects.create(client_id=given["public"], client_type=Application.CLIENT_PUBLIC, **code)
Application.objects.create(client_id=given["asker"], **asks)
Application.objects.create(client_id=given["asker"] + "-fast", hash_client_secret=False, **asks)
json.dump(public.pk, sys.stdout)
