"""Counted sentences for the script of a page, which has the number but not the language's grammar."""

import json
from collections.abc import Callable

# A number of each plural category of CLDR; what a language does not tell apart, it says as in `other`.
EXAMPLES = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 11, "other": 100}


def plurals(sentence: Callable[[int], str]) -> str:
    """Return the forms of a sentence by plural category, as JSON. `sentence` gives the form for a number, with its
    `%(count)d` not filled in."""
    return json.dumps({category: sentence(number) for category, number in EXAMPLES.items()})
