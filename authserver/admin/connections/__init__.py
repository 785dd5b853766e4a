"""Connections: searched, looked into, paused, ended. They are made by people's consent only."""

from authserver.admin.connections.page import ConnectionAdmin

__all__ = ["ConnectionAdmin"]
