"""What keeps a backup from being made or put back."""


class BackupFailed(Exception):
    """Why, as a sentence without its full stop. Never a password."""
