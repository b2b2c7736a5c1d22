"""Statistics of series of figures in order: what changed, what recurs, what never was before.

*Guarantees*: pure and deterministic; the work is bounded by the number of values, not by what they
are.

*Not here*: where the figures come from (`agents.tools`) and what they mean (`agents.specialists`).
"""
