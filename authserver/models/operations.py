"""What operators watch that has to outlive every process."""

from django.db import models


class TaskRuns(models.Model):
    """The runs of one task by all workers, since there is this row. A run that began and neither came to a good end nor
    failed is under way, or was killed."""

    name = models.CharField(primary_key=True, max_length=100)
    begun = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
