"""What the lists of the Django admin cost over a database as large as it is meant for: `./dev bench admin`."""
