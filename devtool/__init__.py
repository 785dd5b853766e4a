"""What `./dev` does once it has found its Python: `install` the packages, start the `servers`, bring them `up`."""
