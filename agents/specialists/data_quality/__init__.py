"""How the data quality engineer judges what its tools measured; pure functions.

Every threshold is a constant with its unit and its source. *Ours* means: tuned on the labelled sets
that `tests/benchmarks` scores against.
"""
