from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("authserver", "0014_admin")]
    operations = [
        migrations.AddField(
            model_name="tool",
            name="gone_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="tool",
            name="absences",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, help_text="Versions without it, as 3-4 7-9."
            ),
        ),
        migrations.AddIndex(
            model_name="tool",
            index=models.Index(condition=models.Q(("gone_at__isnull", False)), fields=["gone_at"], name="tools_gone"),
        ),
    ]
