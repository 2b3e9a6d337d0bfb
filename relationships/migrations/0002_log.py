"""What the tables of the log need beyond columns: the append function, immutability, keys within a ledger."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def run(name: str, reverse: str) -> migrations.RunSQL:
    return migrations.RunSQL((SQL / name).read_text(encoding="utf-8"), reverse)


class Migration(migrations.Migration):
    dependencies = [("relationships", "0001_initial")]

    operations = [
        run("append.sql", "DROP FUNCTION relationships_append"),
        run(
            "immutable.sql",
            "DROP FUNCTION relationships_refuse CASCADE; DROP FUNCTION relationships_refuse_unless_erased CASCADE",
        ),
        run(
            "roster.sql",
            """
            ALTER TABLE relationships_contacthandle DROP CONSTRAINT handle_of_contact_in_ledger;
            ALTER TABLE relationships_contact DROP CONSTRAINT contact_of_client_in_ledger;
            ALTER TABLE relationships_clientexternalid DROP CONSTRAINT external_id_of_client_in_ledger;
            ALTER TABLE relationships_client DROP CONSTRAINT client_owner_in_ledger;
            """,
        ),
    ]
