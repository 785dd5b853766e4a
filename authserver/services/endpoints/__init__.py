"""Whether MCP endpoints answer as clients need it: asked from here, told in words, remembered for a while."""
