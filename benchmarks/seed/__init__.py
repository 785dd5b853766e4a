"""A database with as many live connections as wanted, quickly, and values for load on it.

`python -m benchmarks.seed fill 1000000` in the environment of a migrated, empty database. Every secret follows from its
number (`numbers.py`), so nothing has to be kept to know them all.
"""
