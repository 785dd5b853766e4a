"""The connect trace, for administrators."""
