"""The rules: pure functions of events. Standard library only; no database, no clock, no input or output."""
