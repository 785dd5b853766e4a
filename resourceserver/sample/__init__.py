"""A sample MCP server behind the gate: three endpoints, both protocol eras, the older SSE transport, sixteen tools."""
