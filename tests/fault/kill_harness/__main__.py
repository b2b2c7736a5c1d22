"""`python -m tests.fault.kill_harness`: a run by hand; exit 1 if anything was wrong."""

import argparse
import asyncio
import json
import random
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

from tests.fault.kill_harness.checker import judge
from tests.fault.kill_harness.embedded import EmbeddedPlace
from tests.fault.kill_harness.place import Place
from tests.fault.kill_harness.rabbitmq import servers_in
from tests.fault.kill_harness.run import APP, Plan, run
from tests.fault.kill_harness.schedule import DECKS
from tests.fault.kill_harness.table import table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.kill_harness")
    parser.add_argument("--bus", choices=sorted(DECKS), default="sqlite")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="default: a random one")
    parser.add_argument("--app", default=APP, help="what the workers load")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    title = f"{options.bus}, {options.minutes:g} minutes, seed {seed}"
    folder = Path(mkdtemp(prefix="convener-kill-"))
    print(f"{title}, in {folder}", flush=True)
    plan = Plan(seed=seed, seconds=60 * options.minutes, deck=DECKS[options.bus], app=options.app)
    with ExitStack() as stack:
        place: Place
        if options.bus == "sqlite":
            place = EmbeddedPlace(folder)
        else:
            place = stack.enter_context(servers_in(folder, seed=seed))
        evidence = asyncio.run(run(place, plan, folder))
    (folder / "evidence.json").write_text(json.dumps(asdict(evidence), default=sorted))
    verdict = judge(evidence)
    print(table(verdict, title=title))
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
