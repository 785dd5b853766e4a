"""Load on one path of one server, by wrk: `run(Target(…), cpu_of=pids)`. Only to 127.0.0.1, bounded in time."""

from benchmarks.load.generator import MissingProgram, Result, Target, run
from benchmarks.load.processes import cpu_seconds, settle

__all__ = ["MissingProgram", "Result", "Target", "cpu_seconds", "run", "settle"]
