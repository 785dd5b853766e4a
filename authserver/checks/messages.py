"""What a check says: what is wrong, what to do about it, and its number in docs/operations.md."""

from django.core import checks


def error(text: str, hint: str, number: int) -> checks.Error:
    """Stops the start."""
    return checks.Error(text, hint=hint, id=f"gatehouse.E{number:03}")


def warning(text: str, hint: str, number: int) -> checks.Warning:
    return checks.Warning(text, hint=hint, id=f"gatehouse.W{number:03}")
