"""Every failure in words: what is the cause, and what to do about it.

marking     how a sentence is marked for translation
connecting  what keeps a client from connecting: cause and fix, by code
examining   what the doctor finds beyond that
findings    a finding, the exception that carries one, and how foreign text is shown
"""

from gatehouse.words.connecting import CONNECTING
from gatehouse.words.examining import EXAMINING
from gatehouse.words.findings import (
    WORDS,
    Failed,
    Finding,
    differing,
    failed,
    finding,
    first_difference,
    printable,
    shown,
)

__all__ = [
    "CONNECTING",
    "EXAMINING",
    "WORDS",
    "Failed",
    "Finding",
    "differing",
    "failed",
    "finding",
    "first_difference",
    "printable",
    "shown",
]
