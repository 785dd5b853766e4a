"""The peers, each from its package registry, measured beside us in one run: `./dev bench peers`."""
