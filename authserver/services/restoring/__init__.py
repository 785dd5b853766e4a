"""After a restore: what ended between the backup and the loss ends again, before anybody is let in.

A restored database believes what was true when it was backed up: people who were removed since are members, sold
laptops are signed in, rotated keys are current. `replay` takes the events of that time, exported in time to somewhere
else, and takes away what they say was taken away. `end_everything` is for whom no such export tells all of it. Neither
ever gives anybody anything, but for the owner of a handle that was given away.
"""

from authserver.services.restoring.closing import Closed, close_doors, end_everything
from authserver.services.restoring.lines import NotReplayable
from authserver.services.restoring.replay import Replayed, replay

__all__ = ["Closed", "NotReplayable", "Replayed", "close_doors", "end_everything", "replay"]
