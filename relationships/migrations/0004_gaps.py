"""Gaps that say who carried them and when the ground is laid; questions that say how long their answer took."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relationships", "0003_suggestions"),
    ]

    operations = [
        migrations.AddField(
            model_name="gap",
            name="carried_ours",
            field=models.JSONField(default=dict, help_text="Covering exchanges by each of our people."),
        ),
        migrations.AddField(
            model_name="gap",
            name="carried_theirs",
            field=models.JSONField(default=dict, help_text="Covering exchanges by each of theirs."),
        ),
        migrations.AddField(
            model_name="gap",
            name="laid_from",
            field=models.DateTimeField(help_text="Since when the ground for the next meeting is laid.", null=True),
        ),
        migrations.AddField(
            model_name="gap",
            name="last_two_way_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="gap",
            name="rhythm_us",
            field=models.BigIntegerField(
                default=0, help_text="ρ*: as the gap ended, the present one while it is open."
            ),
        ),
        migrations.AddField(
            model_name="gap",
            name="through_brand",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="gap",
            name="through_personal",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="question",
            name="worked_us",
            field=models.BigIntegerField(help_text="Time on working days until it was closed.", null=True),
        ),
        migrations.AddIndex(
            model_name="gap",
            index=models.Index(condition=models.Q(("ends_at__isnull", True)), fields=["generation"], name="gap_open"),
        ),
    ]
