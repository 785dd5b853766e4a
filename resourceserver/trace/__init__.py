"""The connect trace as a gate sees it: where callers are told to sign in, what is refused, what works again."""
