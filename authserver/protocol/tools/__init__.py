"""Tools of MCP servers, as rules: what a resource server publishes, and what a connection makes of them."""

from authserver.protocol.tools.consenting import after, declined_after
from authserver.protocol.tools.reaching import Ground, reach_of
from authserver.protocol.tools.standing import LISTED, Manifest, Reach, Standing, Tool, standing_of, withheld

__all__ = [
    "LISTED", "Ground", "Manifest", "Reach", "Standing", "Tool", "after", "declined_after", "reach_of", "standing_of",
    "withheld",
]  # fmt: skip
