"""The connect trace: steps are noted in memory by whoever answers a request, and written a moment later; every error
answer says where they can be read."""

from authserver.services.trace.links import error_uri
from authserver.services.trace.notes import note

__all__ = ["error_uri", "note"]
