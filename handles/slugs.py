"""The grammar of a handle's name. Pure: no rows, no HTTP."""

import re

from authserver import policy

# A handle is a DNS label (it stands in host names, RFC 1123 §2.1), kept to 40 characters so that it reads well.
SLUG_LENGTH_MAX = 40
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

# Names that a reader would take for the server itself, or that a path or host of ours uses.
RESERVED = frozenset(
    "account accounts admin administrator api app apps auth authorize billing blog check connect connections "
    "dashboard docs help host internal invitations livez localhost login logout mail mcp me metrics my new null "
    "oauth official other public readyz register root security settings sse static status support system token "
    "undefined well-known www".split()
)

# Digits that stand for letters in a name made to be read as another one.
READ_AS = str.maketrans("01345", "oieas")


def parse(text: str) -> str | None:
    """Return the slug in lower case, without a leading `@`, or None where it breaks the grammar.

    Two hyphens at places three and four are refused: such labels are punycode (RFC 5891 §4.2.3.1) and would let a
    look-alike of another handle into a host name.
    """
    slug = text.strip().lower().removeprefix("@")
    if not SLUG.fullmatch(slug) or slug[2:4] == "--":
        return None
    return slug


def is_reserved(slug: str) -> bool:
    """Tell whether nobody may have this name: it is ours, or reads as one of ours (`adm1n`, `log-in`), or contains the
    name of this product."""
    read = slug.replace("-", "").translate(READ_AS)
    return slug in RESERVED or read in RESERVED or policy.PRODUCT_NAME.lower() in read
