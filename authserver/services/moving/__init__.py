"""A move to another name: the issuer and the MCP addresses of before go on beside today's until they are closed."""
