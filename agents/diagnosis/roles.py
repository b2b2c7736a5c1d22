"""Which roles are built in, found out without importing what is in them."""

import pkgutil
from collections.abc import Sequence

import agents.specialists


def builtin_roles() -> Sequence[str]:
    """The built-in roles by their folders: importing what is in them takes a second."""
    return sorted(
        module.name for module in pkgutil.iter_modules(agents.specialists.__path__) if module.ispkg
    )
