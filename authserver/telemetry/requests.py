"""Which request something belongs to, wherever in the code it happens."""

from contextvars import ContextVar
from dataclasses import dataclass

from authserver.protocol import addresses


@dataclass(frozen=True)
class RequestFacts:
    """Where an act came from: the caller's address, what its program calls itself, and the id of the request; why it
    is done, where an administrator was asked; and the issuer that was asked (`services.moving.issuers`)."""

    address: str | None = None
    request_id: str = ""
    agent: str = ""
    note: str = ""
    issuer: str = ""

    @property
    def counted(self) -> str:
        """What limits count by: the address, of IPv6 its /64; empty where it is unknown."""
        return addresses.counted(self.address or "")


NO_REQUEST = RequestFacts()
current_request: ContextVar[RequestFacts] = ContextVar("current_request", default=NO_REQUEST)
