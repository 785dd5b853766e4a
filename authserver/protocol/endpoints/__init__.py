"""What an MCP endpoint has to answer so that clients find their way to us: rules over answers that somebody fetched."""
