"""Instants of the monotonic clock in a file that outlives the machine's boot.

Leases, delays and signs of life are kept by the monotonic clock: all processes of one machine share
it, and setting the wall clock does not move it. It begins anew with every boot. What was written
before a boot mostly lies ahead of the clock after it, and says nothing any more.

*Guarantees*: a lease or a delay holds up nobody longer than it was meant to, or than that and
`SLACK` more where a boot came between. Nothing that was written since the boot is given up early.
"""

from typing import Final

SLACK: Final = 60.0
"""Seconds; far more than pass between noting an instant and the write that carries it."""


def horizon(now: float) -> float:
    """The latest instant that another process of this boot can have written by `now`."""
    return now + SLACK
