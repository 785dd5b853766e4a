"""The connect trace: steps are noted in memory by whoever answers a request, and written a moment later."""

from authserver.services.trace.notes import note

__all__ = ["note"]
