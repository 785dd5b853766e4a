"""Names are untrusted text: made fit to be shown, and those of clients kept from passing for somebody else."""

import re
import unicodedata

from authserver import policy

UNNAMED = "Unnamed client"
# Letters of other scripts that read as Latin ones; enough to see through a name that was made to look like another.
LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝɡαορνυικτϲοеАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ0135",
    "aeopcyxijshdqwgaopvuiktcoeABEKMHOPCTYXIJSABEZHIKMNOPTYXoies",
)
BRACKETED = re.compile(r"\s\([^()]*\)$")
MIXING = ("CYRILLIC", "GREEK")


def plain(text: str) -> str:
    """Return text fit to be shown in one line: compatibility forms folded, control and direction characters gone, one
    space between words."""
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(each if unicodedata.category(each)[0] != "C" else " " for each in folded)
    return " ".join(kept.split())


def clean(name: str) -> str:
    """Return a client's name as `plain` has it, of at most policy.CLIENT_NAME_LENGTH_MAX characters."""
    return plain(name)[: policy.CLIENT_NAME_LENGTH_MAX].strip() or UNNAMED


def skeleton(name: str) -> str:
    """Return what a name looks like at a glance: letters and digits only, look-alikes folded, small."""
    folded = unicodedata.normalize("NFKD", name).translate(LOOK_ALIKES).casefold()
    return "".join(each for each in folded if each.isalnum())


WHOLE_BELOW = 5  # letters
_reserved = {skeleton(policy.PRODUCT_NAME)}


def reserve(name: str) -> None:
    """Let no client carry this name either: what the deployment calls itself. Called once, at the start."""
    _reserved.add(skeleton(name))


def _is_ours(own: str) -> bool:
    """Tell whether a name holds one of ours. A short one is a word of many others, so it has to be the whole name."""
    return any(ours and (own == ours or (len(ours) >= WHOLE_BELOW and ours in own)) for ours in _reserved)


def problem_with(name: str) -> str | None:
    """Return why a client may not carry this name, as a sentence, or None: it passes for this server, or a word of it
    mixes scripts as only a forgery does."""
    # What stands in brackets behind a name is the server's: "Claude Code (gatehouse)" is how it calls a connection.
    own = BRACKETED.sub("", name).strip() or name
    if _is_ours(skeleton(own)):
        return "The name is one that only this server may carry."
    if any(_mixes_scripts(word) for word in name.split()):
        return "A word of the name mixes letters of several scripts."
    return None


def _mixes_scripts(word: str) -> bool:
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
    return "LATIN" in scripts and any(script in scripts for script in MIXING)
