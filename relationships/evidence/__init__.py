"""Does the score mean anything? Back-tests a policy on an organisation's own log, by the protocol of `model.md` §9.

    gathered = gather(ledger_id, policy)      # rows: client × weekly cut, nothing from after the cut
    evidence = judge(gathered)                # needs the libraries of requirements-evidence.txt

The command is `manage.py backtest`.
"""

from .gathering import Gathered, gather
from .judging import Evidence, LibrariesMissing, Outcome, judge
from .telling import as_json, as_text

__all__ = ["Evidence", "Gathered", "LibrariesMissing", "Outcome", "as_json", "as_text", "gather", "judge"]
