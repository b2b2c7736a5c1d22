"""Statistics: from recorded messages to figures of speed, reuse, failures and cost, and advice.

*Guarantees*: pure; the same records in the same order give the same figures.

*Not here*: how they are shown; see `agents.reports.statistics`.
"""

from agents.domain.statistics.advice import AdvicePolicy, advise
from agents.domain.statistics.figures import Statistics
from agents.domain.statistics.tally import Tally

__all__ = ["AdvicePolicy", "Statistics", "Tally", "advise"]
