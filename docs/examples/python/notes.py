import os

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from resourceserver.admission import Policy
from resourceserver.endpoints import EndpointPattern, EndpointTable
from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient, current_identity
from resourceserver.operations import ToolRule

ISSUER = os.environ["ISSUER"]  # https://ai.example.com
RESOURCE = os.environ["RESOURCE"]  # https://notes.example.com/mcp, as it is registered there
ID, SECRET = os.environ["RESOURCE_SERVER_ID"], os.environ["RESOURCE_SERVER_SECRET"]

server = MCPServer("Notes")


@server.tool()
def list_notes() -> str:
    return f"The notes of @{current_identity().handle}"


@server.tool()
def add_note() -> str:
    return f"Added for @{current_identity().handle}"


policy = Policy(
    baseline_scopes=("mcp.connect", "links.read"),  # what a first connection is asked to request
    tools={"list_notes": ToolRule(("links.read",)), "add_note": ToolRule(("links.write",))},
)
notes = EndpointPattern("notes", RESOURCE, resource_server=ID, root_metadata=True)
app = Gate(
    # The gate judges Host and Origin itself; the SDK's own check knows only 127.0.0.1 and localhost.
    server.streamable_http_app(transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False)),
    GateSettings(endpoints=EndpointTable([notes]), issuer=ISSUER, policy=policy),
    IntrospectionClient(f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets={ID: SECRET}),
)
