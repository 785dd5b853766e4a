"""Which SECRET_KEY signs and seals here, since when; of each only a name that is computed from it."""

from django.db import models


class SecretKeyUse(models.Model):
    """A SECRET_KEY that is or was in use. The one taken up last is today's, for every node: a node that still has a
    former one reseals nothing."""

    name = models.CharField(primary_key=True, max_length=10)
    taken_up_at = models.DateTimeField()

    class Meta:
        ordering = ["-taken_up_at"]

    def __str__(self) -> str:
        return self.name
