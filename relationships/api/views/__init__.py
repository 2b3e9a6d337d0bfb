"""One module a subject. A method translates, calls one query or command, and translates back."""
