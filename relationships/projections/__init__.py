"""The only writer of the read tables: project one client after its append, repair what is behind, rebuild all.

Facts are kept whatever happens here. A client is projected in a transaction of its own right after its append; one
that is behind is folded live by whoever reads it, and the next sweep repairs it; one whose events cannot be folded is
quarantined alone, shown, and blocks nobody.
"""

from __future__ import annotations

from .generations import Superseded, behind, ensure_live, live, outdated, policy_of
from .projecting import project, project_many
from .rebuilding import Progress, Rebuilt, rebuild
from .sweeping import sweep
from .working import fold_of, fold_whole

__all__ = [
    "Progress",
    "Rebuilt",
    "Superseded",
    "behind",
    "ensure_live",
    "fold_of",
    "fold_whole",
    "live",
    "outdated",
    "policy_of",
    "project",
    "project_many",
    "rebuild",
    "sweep",
]
