"""The built-in panel, and where its data comes from unless somebody says otherwise."""

from collections.abc import Mapping
from pathlib import Path

from agents.datasets.duckdb import DuckdbCatalog
from agents.settings import load_settings
from agents.specialist import Panel
from agents.specialists import business, data_quality, performance, security


def builtin_panel() -> Panel:
    """Data quality engineer, performance analyst, security auditor, business analyst."""
    return Panel(
        data_quality.SPECIALIST,
        performance.SPECIALIST,
        security.SPECIALIST,
        business.SPECIALIST,
    )


def default_catalog(
    *, roots: Mapping[str, Path] | None = None, cache: Path | None = None, embedded: bool = True
) -> DuckdbCatalog:
    """Files of this machine: any by absolute path on the embedded bus, else below named roots.

    To be used as a context manager.
    """
    if roots is None or cache is None:
        settings = load_settings()
        roots, cache = roots or settings.roots, cache or settings.cache
    return DuckdbCatalog(roots=roots, cache=cache / "snapshots", allow_absolute=embedded)
