"""Remembered introspection answers, good only while the authorization server's news of what ended arrive in time.

Opt-in. The floor plan, bottom to top:

    calls         calls of the authorization server, bounded in time and size
    subjects      whose answers an event is about
    cache         the remembered answers, found by what they are about; bounded
    memory        a cache that is good only while its subscription is fresh
    keys          the authorization server's signing keys
    sets          security event tokens: what is checked before one is believed
    stream        one account's subscription; poll and push are its two ways to be told
    subscriptions all accounts of one process, started and stopped by the gate
"""
