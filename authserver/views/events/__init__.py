"""Security events: how resource servers that remember answers are told what changed (docs/wire.md)."""
