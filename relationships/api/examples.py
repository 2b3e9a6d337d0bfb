"""The small cast of the examples in the OpenAPI document."""

from __future__ import annotations

CLIENT = "0199d0a4-7b1e-7cc3-9a52-5d5b0f1a2b3c"
CONTACT = "0199d0a4-8c11-7f02-8b1e-2f6a9d3c4e5f"
COLLEAGUE = "0199d0a3-1a2b-7d4e-9c8f-0a1b2c3d4e5f"
QUESTION = "019ab7f2-4c6d-7e8f-8a9b-1c2d3e4f5a6b"
EVENT = "019ab8c3-5d7e-7f90-9bac-2d3e4f5a6b7c"
RUN = "019abe01-2a3b-7c4d-8e5f-6a7b8c9d0e1f"
CHAIN_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

SINCE = "2026-09-03T08:00:00Z"
EARLIER = "2026-11-20T09:15:00Z"
NOW = "2026-11-25T10:00:00Z"
LATER = "2027-01-20T08:00:00Z"
