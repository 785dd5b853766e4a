"""What a deployment looks like: its name, its colour, its logo, and where people get help."""
