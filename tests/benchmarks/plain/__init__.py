"""The peer of the API: the plainest thing that takes a POST and keeps it. No key, no limit, no log, no index."""
