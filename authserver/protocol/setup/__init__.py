"""What a person types or clicks to make a client know an MCP server."""
