"""Whether the folders that the settings name are there: data roots, cache and prompts."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from agents.errors import AgentUsageError
from agents.settings import Settings
from bus.diagnosis.aside import aside
from bus.diagnosis.check import Check, Verdict, failed, fine
from bus.diagnosis.sizes import room


def checks(settings: Settings) -> Sequence[Check]:
    """The questions about folders; on the embedded bus data is named by path, not by root."""

    async def data() -> Verdict:
        return await aside(lambda: judged_roots(settings))

    async def cache() -> Verdict:
        return await aside(lambda: judged_cache(settings.cache))

    async def prompts() -> Verdict:
        return await aside(lambda: judged_prompts(settings))

    kept = [Check(name="cache", probe=cache)]
    if settings.prompts is not None:
        kept.append(Check(name="prompts", probe=prompts))
    return kept if settings.is_embedded else (Check(name="data", probe=data), *kept)


def judged_roots(settings: Settings) -> Verdict:
    """Whether every data root can be read."""
    problems = [
        f"{name}={root} {problem}"
        for name, root in settings.roots.items()
        if (problem := _problem(root))
    ]
    if problems:
        return failed(
            f"Data roots cannot be read: {'; '.join(problems)}.",
            "Name folders that are there with CONVENER_DATA=name=path,… or [data] in "
            "convener.toml.",
        )
    return fine(
        "Data is named "
        + ", ".join(f"{name}/… (in {root})" for name, root in settings.roots.items())
        + "."
    )


def judged_cache(folder: Path) -> Verdict:
    """Whether `folder` can be written, and has room; it is made if it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return failed(
            f"The cache folder {folder} cannot be written: {error.strerror}.",
            "Set CONVENER_CACHE to a folder of yours.",
        )
    return room(folder)


def judged_prompts(settings: Settings) -> Verdict:
    """Whether the prompts of the user's own can be read."""
    from agents.reasoning.prompt import load_prompts

    try:
        load_prompts(settings.prompts)
    except AgentUsageError as error:
        return failed(str(error), "Name a folder of .md files, or leave the setting out.")
    return fine(f"The prompts in {settings.prompts} can be read.")


def _problem(root: Path) -> str:
    if not root.exists():
        return "does not exist"
    if not root.is_dir():
        return "is no folder"
    return "" if os.access(root, os.R_OK | os.X_OK) else "may not be read by this user"
