"""New tools of MCP servers, and whose word they wait for: a person's for a connection, an admin's for a handle."""
