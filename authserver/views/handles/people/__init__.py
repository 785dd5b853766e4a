"""Who belongs to a handle: its members, those who are invited, those who ask."""
