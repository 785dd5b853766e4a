"""The doctor: walks from an MCP URL to a sign-in page as one kind of client does, and says at each step what was sent,
what came back, what is wrong and what to do about it.

Bottom to top:

    report        what is found: steps with outcome, lines and findings
    profiles      how clients differ, as data
    clients       the eleven clients
    line          every request, bounded and noted
    walk          what a walk knows so far, and what a step has to say
    network       name, connection, clock
    reading       a document, as this client reads it
    challenge, metadata, endpoints, cors, registering, authorizing, exchanging
                  the other steps
    engine        the whole walk: `examine`
"""
