"""Who may come in: organisations, teams, people, roles and API keys. Knows nothing of relationships."""
