"""The life of a registration: made once however often it is asked for, repaired, ended, kept as a tombstone."""

from authserver.services.registration.lifecycle import adopt, delete, expire_unused, update
from authserver.services.registration.registering import Registered, Registrant, apply, register, register_all
from authserver.services.registration.told import describe

__all__ = [
    "Registered",
    "Registrant",
    "adopt",
    "apply",
    "delete",
    "describe",
    "expire_unused",
    "register",
    "register_all",
    "update",
]
