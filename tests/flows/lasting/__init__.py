"""Connections that do not drop by accident."""
