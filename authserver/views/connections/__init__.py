"""A person's connected apps: what has access to what, changing it, and ending it."""
