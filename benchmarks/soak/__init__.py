"""Long runs against real servers that are killed meanwhile. `./dev bench soak`, `./dev bench races`."""
