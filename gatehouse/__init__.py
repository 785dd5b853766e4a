"""The commands that connect a client and examine a server: they do what clients do, and say why where that fails.

The floor plan, bottom to top (standard library only; it shares no code with the servers, the wire is the contract):

    words/        every failure: its code, its cause and its fix, and how foreign text is shown
    wire          one HTTP request, bounded in time and size
    documents     an answer read as the JSON object that it has to be
    challenges    what a 401 says
    discovery     from an MCP URL to its authorization server, each step checked as strict clients check it
    addresses     from a handle or the gateway to its MCP URL
    registration  a client of one's own
    doctor/       the same walk and more, as one of eleven clients, step by step to the end
    doctor_command, command
                  the arguments, the report, the exit status
"""

__version__ = "0.1.0"
