"""Django's PostgreSQL backend, which tells every transaction who looks (`accounts.walls`)."""
