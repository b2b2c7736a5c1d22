"""The built-in panel, and where its data comes from unless somebody says otherwise."""

from collections.abc import Mapping
from pathlib import Path

from agents.datasets.duckdb import DuckdbCatalog
from agents.settings import load_settings
from agents.specialist import Panel
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.specialists.security.specialist import SECURITY_AUDITOR


def builtin_panel() -> Panel:
    """Data quality engineer, performance analyst, security auditor, business analyst."""
    return Panel(DATA_QUALITY_ENGINEER, PERFORMANCE_ANALYST, SECURITY_AUDITOR, BUSINESS_ANALYST)


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
