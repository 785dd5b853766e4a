"""A handle's control plane, one file per page. Its admins and owners see it; to everybody else it is not there."""
