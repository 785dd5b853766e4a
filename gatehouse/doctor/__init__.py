"""The doctor: walks from an MCP URL to a sign-in page as one kind of client does, and says at each step what was sent,
what came back, what is wrong and what to do about it."""
