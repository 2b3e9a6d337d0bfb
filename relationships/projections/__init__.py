"""The only writer of the read tables: project one client after its append, repair what is behind, rebuild all.

Facts are kept whatever happens here. A client is projected right after its append, with those who wait beside it; one
that is behind is folded live by whoever reads it, and the next sweep repairs it; one whose events cannot be folded is
quarantined alone, shown, and blocks nobody.
"""

from __future__ import annotations

from .adopted import Adoption, adoptions, known_policy, policy_in_force
from .generations import Superseded, behind, ensure_live, live, outdated, policy_of
from .previewing import Aside, Cause, Move, Preview, Stand, preview
from .projecting import project_many
from .rebuilding import Progress, Rebuilt, rebuild
from .sweeping import sweep, waiting
from .turns import in_turn, project
from .working import fold_of, fold_whole

__all__ = [
    "Adoption",
    "Aside",
    "Cause",
    "Move",
    "Preview",
    "Progress",
    "Rebuilt",
    "Stand",
    "Superseded",
    "adoptions",
    "behind",
    "ensure_live",
    "fold_of",
    "fold_whole",
    "in_turn",
    "known_policy",
    "live",
    "outdated",
    "policy_in_force",
    "policy_of",
    "preview",
    "project",
    "project_many",
    "rebuild",
    "sweep",
    "waiting",
]
