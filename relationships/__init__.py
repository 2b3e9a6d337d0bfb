"""The record of how we stand with our clients: the log, what follows from it, and how it is seen."""
