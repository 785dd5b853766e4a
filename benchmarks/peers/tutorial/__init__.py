"""A plain django-oauth-toolkit project, as its tutorial makes one; run by a Python of its own, not by ours."""
