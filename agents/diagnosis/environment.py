"""Whether what was set in the environment is read by anything."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from agents.setting_names import SETTINGS, unknown_variables
from bus.diagnosis.check import Check, Verdict, fine, warned


def checks() -> Sequence[Check]:
    """The question about the environment of this process."""

    async def environment() -> Verdict:
        return judged_variables(os.environ)

    return (Check(name="environment", probe=environment),)


def judged_variables(variables: Mapping[str, str]) -> Verdict:
    """Whether some variable is named like a setting but is none, so that nothing comes of it."""
    unknown = unknown_variables(variables)
    if not unknown:
        return fine("All variables that are named like settings are settings.")
    are = "is" if len(unknown) == 1 else "are"
    meant = get_close_matches(unknown[0], [each.variable for each in SETTINGS], n=1)
    return warned(
        f"{', '.join(unknown)} {are} set in the environment, but no setting.",
        (f"Did you mean {meant[0]}? " if meant else "") + "See `convener doctor --settings`.",
    )
