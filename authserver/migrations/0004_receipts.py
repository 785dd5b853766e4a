from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authserver', '0003_connections_that_live'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='signingkey',
            options={'ordering': ['-number']},
        ),
        migrations.AddField(
            model_name='signingkey',
            name='number',
            field=models.PositiveIntegerField(default=1, help_text='Counts up: of two processes that make one, one does.', unique=True),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='resourceserver',
            name='event_origins',
            field=models.TextField(blank=True, help_text='Where security events may be pushed to besides the origins of its endpoints, one origin a line: https://mcp-1.internal.example.com:8443'),
        ),
        migrations.AlterField(
            model_name='eventstream',
            name='status',
            field=models.CharField(choices=[('enabled', 'Enabled'), ('paused', 'Paused: it does not answer'), ('ended', 'Ended; kept for what it confirmed')], default='enabled', max_length=7),
        ),
    ]
