"""Whether this installation is whole and alone, and what the system lets it do.

*Guarantees*: it is found out without the packages that may be missing, or overwritten by others.
"""

import platform
import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from bus.diagnosis.aside import aside
from bus.diagnosis.check import Check, Verdict, failed, fine, noted, warned

OURS: Final = "convener"
RIVALS: Final = ("openai-agents",)
"""Distributions that also install a package called `agents`."""

FEW_FILES: Final = 1024
"""Open files; a busy worker needs some hundreds, for data, caches and connections."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def checks() -> Sequence[Check]:
    """The questions about this installation."""

    async def packages() -> Verdict:
        return await aside(judged_packages)

    async def open_files() -> Verdict:
        return judged_open_files()

    return (
        Check(name="packages", probe=packages),
        Check(name="open files", probe=open_files),
    )


def judged_packages() -> Verdict:
    """Whether everything is there, and nothing that overwrites it."""
    rival = next((each for each in RIVALS if _version(each)), None)
    if rival is not None:
        return failed(
            f"{rival} is installed too, and {_where(rival)}",
            f"Give each an environment of its own: `pip uninstall {rival}`, then install {OURS} "
            "again.",
        )
    python = f"Python {platform.python_version()}"
    own = _version(OURS)
    if own is None:
        return noted(f"{python}; {OURS} runs from its sources, without being installed.")
    missing = [name for name in required(metadata.requires(OURS) or ()) if not _version(name)]
    if missing:
        return failed(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed.",
            f"Install {OURS} again.",
        )
    return fine(f"{python}, {OURS} {own}, and all that it needs.")


def required(requirements: Iterable[str]) -> Sequence[str]:
    """The names in `requirements` that no extra or marker makes optional."""
    found = [_NAME.match(each) for each in requirements if ";" not in each]
    return [each[0] for each in found if each is not None]


def judged_open_files() -> Verdict:
    """Whether this process may open enough files."""
    try:
        import resource
    except ImportError:  # there is no such limit on this system
        return noted("This system does not say how many files may be open.")
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return fine("Any number of files may be open.")
    if limit < FEW_FILES:
        return warned(
            f"Only {limit:,} files may be open.",
            f"Run `ulimit -n {FEW_FILES}` first, or set LimitNOFILE in the service's unit."
            + ("" if most >= FEW_FILES else " An administrator has to allow it."),
        )
    return fine(f"{limit:,} files may be open.")


def _where(rival: str) -> str:
    """What it means for us that `rival` is where it is."""
    ours = Path(__file__).parents[1]
    theirs = {
        Path(str(file.locate())).parent.resolve()
        for file in metadata.files(rival) or ()
        if file.parts == ("agents", "__init__.py")
    }
    if ours in theirs:
        return f"has overwritten files of {OURS} in {ours}."
    return "whichever of the two `agents` packages Python finds first hides the other."


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
