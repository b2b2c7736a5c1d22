"""Scoring a set in a process of its own, and the table in which scores are printed."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def measured(name: str, score: Callable[[], Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The scores of a set with the seconds they took and the peak memory of this process."""
    begun = time.perf_counter()
    scores = score()
    return {
        "set": name,
        "seconds": round(time.perf_counter() - begun, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "scores": scores,
    }


def in_own_process(module: str, name: str, *arguments: str) -> dict[str, Any]:
    """What `module` prints as JSON about the set of that name when told to score it `--here`."""
    command = [sys.executable, "-m", module, "--set", name, *arguments, "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} could not be scored:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def print_scores(results: Sequence[Mapping[str, Any]], *, with_details: bool) -> None:
    """One line for each score; figures that a score does not have are left out."""
    print(
        f"{'set':<26}{'category':<28}{'precision':>10}{'recall':>8}{'F1':>7}"
        f"{'right':>8}{'flagged':>9}{'true':>8}{'s':>8}{'MB':>6}"
    )
    for result in results:
        for number, score in enumerate(result["scores"]):
            spent = "" if number else f"{result['seconds']:>8.1f}{result['peak_mb']:>6}"
            print(
                f"{score['set']:<26}{score['category']:<28}{_share(score['precision']):>10}"
                f"{_share(score['recall']):>8}{_share(score['f1']):>7}"
                f"{_count(score, 'right'):>8}{_count(score, 'flagged'):>9}"
                f"{_count(score, 'true'):>8}{spent}"
            )
            if with_details and score["detail"]:
                print(json.dumps(score["detail"], indent=2, ensure_ascii=False))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _count(score: Mapping[str, Any], name: str) -> str:
    return f"{score[name]:,}" if isinstance(score.get(name), int) else ""
