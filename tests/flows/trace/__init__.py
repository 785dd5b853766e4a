"""What a connection attempt leaves behind, for whoever asks which step failed."""
