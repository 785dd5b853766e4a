"""Tools of MCP servers: published by resource servers, approved by people."""
