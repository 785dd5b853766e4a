"""Template filters of mails about accounts."""
