"""Tools of MCP servers, as rules: what a connection makes of them."""

from authserver.protocol.tools.standing import LISTED, Manifest, Reach, Standing, Tool, standing_of, withheld

__all__ = ["LISTED", "Manifest", "Reach", "Standing", "Tool", "standing_of", "withheld"]
