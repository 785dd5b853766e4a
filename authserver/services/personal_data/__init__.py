"""What is kept about one person: handed out as a whole, and erased."""

from authserver.services.personal_data.erasure import AtStake, at_stake, erase, forget
from authserver.services.personal_data.export import export

__all__ = ["AtStake", "at_stake", "erase", "export", "forget"]
