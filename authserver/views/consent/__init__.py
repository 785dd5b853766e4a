"""What stands already when a client asks: what is folded away, what an admin withholds, and when nobody is asked."""
