"""Does the score mean anything? Back-tests a policy on an organisation's own log, by the protocol of `model.md` §9.

    need_libraries()                          # raises LibrariesMissing: they are optional, requirements-evidence.txt
    gathered = gather(ledger_id, policy)      # rows: client × weekly cut, nothing from after the cut
    evidence = judge(gathered)
    as_text(evidence), as_json(evidence)      # for people, for programs

The command is `manage.py backtest`.
"""

from .gathering import Gathered, gather
from .judging import Difference, Evidence, Outcome, Part, judge
from .keeping import carry_out, keep
from .libraries import LibrariesMissing, need_libraries
from .telling import as_json, as_text

__all__ = [
    "Difference",
    "Evidence",
    "Gathered",
    "LibrariesMissing",
    "Outcome",
    "Part",
    "as_json",
    "as_text",
    "carry_out",
    "gather",
    "judge",
    "keep",
    "need_libraries",
]
