"""The second wall around clients, events and what hangs on them: see accounts/walls.py."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "row_level_security.sql"
POLICIES = {
    "relationships_contacthandle": "contact_handle_seen",
    "relationships_contact": "contact_seen",
    "relationships_clientexternalid": "external_id_seen",
    "relationships_sealedpart": "sealed_part_seen",
    "relationships_event": "event_seen",
    "relationships_client": "client_seen",
}
FUNCTIONS = ("skeleton", "sees_event", "sees_contact", "sees_client")
REVERSE = "".join(
    [
        f"DROP POLICY {policy} ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        for table, policy in POLICIES.items()
    ]
    + [f"DROP FUNCTION relationships_{name};" for name in FUNCTIONS]
)


class Migration(migrations.Migration):
    dependencies = [("relationships", "0007_webhooks")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"), REVERSE)]
