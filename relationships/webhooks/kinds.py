"""What can be told."""

from __future__ import annotations

EVENT_RECORDED = "event.recorded"
STAGE_CHANGED = "stage.changed"
ANSWER_REVISED = "answer.revised"
REPORT_READY = "report.ready"

KINDS = (EVENT_RECORDED, STAGE_CHANGED, ANSWER_REVISED, REPORT_READY)

# Sent when somebody asks for it, whatever an endpoint has chosen.
TEST = "webhook.test"
