"""Which code a kept result was made with, so that a new version of a tool measures anew.

Sources are read when the modules that they belong to are imported, never later.
"""

import inspect
from collections.abc import Callable
from hashlib import blake2b
from importlib import resources
from importlib.metadata import version
from typing import Any, Final


def code_version(function: Callable[..., Any]) -> str:
    """A digest of the file that `function` is written in; of its name where there is no file."""
    try:
        source = inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):
        source = function.__qualname__
    return blake2b(source.encode(), digest_size=8).hexdigest()


def _installed() -> str:
    digest = blake2b(version("convener").encode(), digest_size=8)
    for folder in ("tools", "datasets"):
        for file in sorted(resources.files("agents").joinpath(folder).iterdir(), key=str):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


INSTALLED: Final = _installed()
"""The version of this distribution with a digest of its tools and its engine."""
