"""Two roles on one database: the owner, who migrates, and the run-time role, who owns nothing.

Web, worker and ordinary commands use the run-time role. It cannot change what is recorded, whatever our code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction

# What is recorded may be read and added to, and so may versions of policies. Sealed parts may also go, which a
# trigger allows only after the key has; entries of the security log too, once they were kept long enough.
LOG_TABLES = {
    "relationships_event": "SELECT, INSERT",
    "relationships_sealedpart": "SELECT, INSERT, DELETE",
    "relationships_policyversion": "SELECT, INSERT",
    "accounts_securityentry": "SELECT, INSERT, DELETE",
    "django_migrations": "SELECT",
}
OTHER_TABLES = "SELECT, INSERT, UPDATE, DELETE"
# Rows of these are shown as far as whoever looks may see: relationships/migrations/sql/row_level_security.sql.
WALLED_TABLES = (
    "relationships_client",
    "relationships_clientexternalid",
    "relationships_contact",
    "relationships_contacthandle",
    "relationships_event",
    "relationships_sealedpart",
)


@contextmanager
def as_owner() -> Iterator[None]:
    """Within it the default connection is the owner's, where settings name one."""
    before = dict(connection.settings_dict)
    if all(before[key] == value for key, value in settings.OWNER_LOGIN.items()):
        yield
        return
    connection.close()
    connection.settings_dict.update(settings.OWNER_LOGIN)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def grants(role: str) -> list[str]:
    """The statements, for the owner, that give this role what web and worker need and no more.

    They name every table there is: after a migration they are to be given again."""
    quoted = connection.ops.quote_name
    name = quoted(role)
    tables = sorted(connection.introspection.table_names())
    statements = [
        f"GRANT TEMPORARY ON DATABASE {quoted(connection.settings_dict['NAME'])} TO {name};",
        f"GRANT USAGE ON SCHEMA public TO {name};",
    ]
    for table in tables:
        statements.append(f"REVOKE ALL ON {quoted(table)} FROM {name};")
        statements.append(f"GRANT {LOG_TABLES.get(table, OTHER_TABLES)} ON {quoted(table)} TO {name};")
    statements.append(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name};")
    return statements


def grant() -> None:
    """Gives the run-time role its rights; nothing to do where it is the owner itself."""
    role = settings.RUNTIME_ROLE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        current, exists = cursor.fetchone()
        if role != current and exists:
            for statement in grants(role):
                cursor.execute(statement)
