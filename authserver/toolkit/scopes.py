"""The scope catalog as django-oauth-toolkit asks for it."""

from typing import Any

from oauth2_provider.scopes import BaseScopes

from authserver.services import catalog


class CatalogScopes(BaseScopes):
    def get_all_scopes(self) -> dict[str, str]:
        return {name: name for name in catalog.current()}

    def get_available_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return list(catalog.current())

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return [name for name, rule in catalog.current().items() if rule.is_shown]
