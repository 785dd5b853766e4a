"""Rotation: secrets that overlap with the ones before them, and what rests under SECRET_KEY, sealed anew."""
