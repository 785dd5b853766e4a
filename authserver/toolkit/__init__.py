"""The seam to django-oauth-toolkit and oauthlib: beside models and admin, the only folder that imports them.

They read and check requests; what is decided about rows is asked of `authserver.services`.
"""
