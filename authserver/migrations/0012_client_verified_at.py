from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("authserver", "0011_tools")]
    operations = [
        migrations.AddField(
            model_name="client",
            name="verified_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
