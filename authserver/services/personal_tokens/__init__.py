"""Personal access tokens: made and ended by people, asked about by the control-plane API and by servers outside MCP.

Kept by digest; what one is worth is asked live, as for a connection: its scopes within what its person's role reaches
at its handle now. No MCP endpoint takes one.
"""

from authserver.services.personal_tokens.lifecycle import create, revoke, revoke_all
from authserver.services.personal_tokens.standing import authenticate, effective_scopes, live, offered

__all__ = ["authenticate", "create", "effective_scopes", "live", "offered", "revoke", "revoke_all"]
