"""What it costs: `./dev bench` prints a table. Only ratios travel between machines; CPU time does so best."""
