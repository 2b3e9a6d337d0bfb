"""The REST API: views translate, call one query or command, and translate back. docs/api.md says what it promises."""
