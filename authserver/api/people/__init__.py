"""The people of a handle over the API: its members, its invitations, who asks to join."""
