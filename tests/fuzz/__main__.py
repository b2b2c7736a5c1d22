"""`python -m tests.fuzz`: throw more at every way in, for as long as is wished.

python -m tests.fuzz --minutes 10
python -m tests.fuzz --minutes 60 --target codec --target headers

Each round takes other inputs. The exit code is 1 as soon as something does harm; the input that
does, made as small as can be, is printed, and kept for the next run of the tests.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

ROUND = 300
"""Inputs of one target before it is the next one's turn."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, required=True, help="how long")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    arguments = parser.parse_args()
    names: Sequence[str] = arguments.target or list(TARGETS)
    end = time.monotonic() + 60 * arguments.minutes
    tried = dict.fromkeys(names, 0)
    while time.monotonic() < end:
        for name in names:
            tried[name] += thrown(TARGETS[name], end)
    print(", ".join(f"{name}: {count:,}" for name, count in tried.items()))
    return 0


def thrown(target: Target, end: float) -> int:
    """How many inputs it survived; the harm that one did comes out as it is."""
    count = 0

    def check(value: object) -> None:
        nonlocal count
        if time.monotonic() < end:
            target.check(value)
            count += 1

    relaxed = settings(
        max_examples=ROUND, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
    )
    relaxed(given(target.inputs)(check))()
    return count


if __name__ == "__main__":
    sys.exit(main())
