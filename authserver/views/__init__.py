"""Doors, one file per endpoint. They read, ask and answer; only services save."""
