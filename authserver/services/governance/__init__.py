"""Which clients a handle lets in. `decisions` are the acts, `verdicts` what follows from them, `client_list` both for
the eye."""
