"""Whether MCP endpoints answer as clients need it: the doctor walks to them from here, its last reports are kept."""
