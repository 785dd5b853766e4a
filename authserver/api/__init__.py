"""The control-plane API: what the pages of a handle can do, for programs (docs/api.md)."""
