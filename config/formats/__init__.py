"""How dates look where Django writes them by itself, as in the lists of its admin: as they look on our own pages."""
