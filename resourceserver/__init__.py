"""What a thin MCP resource server needs in front of its tools; it asks the authorization server about each credential.

The floor plan, bottom to top (nothing here imports Django or the authorization server; the wire is the contract):

    credentials   is this a well-formed bridge credential? (no query)
    challenges    the body and the ``WWW-Authenticate`` value of every refusal
    endpoints     configured URLs <-> request host and path; the handle
    operations    which tools a body calls, and the scopes that they need
    metadata      the protected resource metadata (RFC 9728) and the health document
    sessions      which caller an MCP session belongs to
    limits        calls per connection and minute
    telemetry/    what goes on to the authorization server with a request: its id, its place in a trace; spans, opt-in
    answers, cors ASGI answers and the browser's questions
    events/       remembered words on credentials, good only while news of what ended arrive in time; opt-in
    introspection the authorization server's word on a credential; fails closed
    trace/        steps of connection attempts: each refusal under an id of its own, what works again
    reports       which tools were called and what came of it, and those steps, told to the authorization server
    tools/        which tools there are, published beforehand; their list, without those withheld from the caller
    audit         one JSON line per authentication event, usage per tool, person and handle
    gate          the ASGI gate that puts these in the order of a request
    sample/       a server on the official MCP Python SDK behind the gate
"""

__version__ = "0.1.0"
