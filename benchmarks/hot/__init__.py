"""What the hot path costs as the database grows, and what it does to the pages beside it."""
