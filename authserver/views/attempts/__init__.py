"""Pages about connection attempts: what happened at each step, and what became of them."""
