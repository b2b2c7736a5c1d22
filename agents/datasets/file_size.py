"""How large the files behind a location are, before anybody reads them."""

from pathlib import Path

from agents.datasets.location import is_url, split_table


def size_of(location: str) -> int:
    """Bytes of a file or of all files in a folder; 0 of what is not on this machine."""
    path = Path(location)
    if is_url(location):
        return 0
    if not path.exists():
        path = Path(split_table(location)[0])
    try:
        if path.is_dir():
            return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        return path.stat().st_size
    except (OSError, ValueError):  # whoever reads it will say what is wrong
        return 0
