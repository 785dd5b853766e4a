"""How a sentence is marked for translation: the texts of this package are English, and whoever shows them in another
language looks the translation up by the English text."""


def gettext_noop(text: str) -> str:
    """Return the text as it is. Tools that collect texts find it by this name."""
    return text
