"""The shapes of answers: which fields of a query's row go out, and what each means. A module a subject.

A serializer here is an allow-list: a field that a row has and the serializer has not stays inside. Its class is also
the component of the OpenAPI document, with `example` as its example. What comes in is checked by commands; its shape
is `relationships.api.requests`.
"""
