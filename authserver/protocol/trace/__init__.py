"""The connect trace: what happened at each step of a connection attempt, which steps belong together, and what that
means. Pure."""
