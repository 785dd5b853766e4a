"""What a request takes along to the authorization server, and traces of it."""
