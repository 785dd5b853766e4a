"""Rehearsal: a connection of a handle for testing meets one fault, once, on purpose; then everything is as before.

`acts` begins and calls off, `claiming` lets the fault happen once where a resource server does it, `watching` restores
what was not met and finds out what the client did. `meeting` and `ending` are called under the connection's lock by
`services.connections` too, so they import nothing of it.

No fault lets anybody in: each only refuses what would have been granted, or gives what would have been given anyway.
`Connection.rehearsed_fault` says that there is one. It is read together with the handle's mark (`footing.COLUMNS`):
at a handle that is not for testing it says nothing, whatever the column holds.
"""
