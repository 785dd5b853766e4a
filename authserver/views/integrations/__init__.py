"""Integrations → MCP & Tools: the addresses of a handle, whether they answer, and how each app is connected."""
