"""What a fuzzer needs to know of one way in: what to throw at it, and what must hold then."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Target:
    """`check` raises for any of the `inputs` that does harm; `examples` are tried in the suite."""

    inputs: SearchStrategy[Any]
    check: Callable[[Any], None]
    examples: int


def scratch_folder() -> Path:
    """A folder that is there until the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="convener-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
