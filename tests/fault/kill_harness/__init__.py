"""The kill harness: real processes, killed by a seeded schedule, and a checker of what is left.

`python -m tests.fault.kill_harness --bus sqlite --minutes 10 --seed 7` runs it by hand. `run` puts
a run together, `checker` judges what it left behind, `broken` holds systems that must not pass.

*Source*: Kingsbury, Jepsen: a generator of operations, a nemesis, a checker over the history.
"""
