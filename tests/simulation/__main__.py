"""`python -m tests.simulation`: run seeds again, and show what happened.

python -m tests.simulation --seed 42 --trace
python -m tests.simulation --seeds 0..10000
python -m tests.simulation --errands --seed 42 --trace
python -m tests.simulation --seeds 0..500 --variant "claims per process"
"""

import argparse
import sys

from tests.simulation.analyses import Analyses
from tests.simulation.chance import KIND
from tests.simulation.checker import violations
from tests.simulation.errands import Errands, errand_violations
from tests.simulation.variant import VARIANTS
from tests.simulation.world import run_world


def main() -> int:
    """The exit code: 0 if every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="the one run of this seed")
    which.add_argument("--seeds", type=_span, metavar="A..B", help="the runs from A to before B")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    parser.add_argument("--errands", action="store_true", help="the bus without any agents")
    parser.add_argument("--kind", action="store_true", help="in a world where nothing fails")
    parser.add_argument(
        "--variant", choices=VARIANTS, default="right", help="with this rule broken on purpose"
    )
    arguments = parser.parse_args()
    seeds = (
        range(arguments.seed, arguments.seed + 1) if arguments.seeds is None else arguments.seeds
    )
    failed = 0
    for seed in seeds:
        outcome = run_world(
            seed,
            workload=Errands if arguments.errands else Analyses,
            variant=VARIANTS[arguments.variant],
            profile=KIND if arguments.kind else None,
            has_log=arguments.trace,
        )
        if arguments.trace:
            print(outcome.trace.text)
        found = (errand_violations if arguments.errands else violations)(outcome)
        failed += bool(found)
        for violation in found:
            print(f"seed {seed}: {violation}")
    print(f"{len(seeds)} runs, {failed} of them broke an invariant.", file=sys.stderr)
    return 1 if failed else 0


def _span(text: str) -> range:
    first, _, end = text.partition("..")
    return range(int(first), int(end))


if __name__ == "__main__":
    sys.exit(main())
