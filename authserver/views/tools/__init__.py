"""Tools of MCP servers: published by resource servers, and new ones approved by people."""
