"""The account pages that django-allauth does not have, or has otherwise."""
