"""`django-admin startproject`, django-oauth-toolkit added as its tutorial says, PostgreSQL, DEBUG off. Nothing else."""

import os

SECRET_KEY = "for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "oauth2_provider",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "tutorial.urls"
WSGI_APPLICATION = "tutorial.wsgi.application"
PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": PROCESSORS},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "tutorial",
        "USER": "postgres",
        "HOST": os.environ["DATABASE_SOCKET"],
        # The server's threads stay, so each keeps its connection: quicker than a pool, asked for one at every request.
        "CONN_MAX_AGE": None,
    }
}
USE_TZ = True
STATIC_URL = "static/"
OAUTH2_PROVIDER = {
    "SCOPES": {"mcp.connect": "Connect", "skills.read": "Read skills", "links.read": "Read links"},
}
