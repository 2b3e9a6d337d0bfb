"""Handles of erased persons, as keyed digests."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# As for the other tables of the roster (sql/roster.sql): a row never points into another ledger.
IN_LEDGER = """
ALTER TABLE relationships_erasedhandle ADD CONSTRAINT erased_handle_of_contact_in_ledger
    FOREIGN KEY (ledger_id, contact_id) REFERENCES relationships_contact (ledger_id, id) DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("relationships", "0004_gaps")]

    operations = [
        migrations.CreateModel(
            name="ErasedHandle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mac", models.CharField(help_text="See relationships.sealing.handle_mac.", max_length=64)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="erased_handles",
                        to="relationships.contact",
                    ),
                ),
                (
                    "ledger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="relationships.ledger",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("ledger", "mac", "contact"), name="erased_handle_once")
                ],
            },
        ),
        migrations.RunSQL(
            IN_LEDGER, "ALTER TABLE relationships_erasedhandle DROP CONSTRAINT erased_handle_of_contact_in_ledger"
        ),
    ]
