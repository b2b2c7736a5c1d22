"""Made series, streams and sales tables of which it is known what is in them.

*Guarantees*: the same seed gives the same table in every process.

*Not here*: how they are scored, see `tests.benchmarks.truth_series`.
"""
