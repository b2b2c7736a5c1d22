"""On what kind of file system a path is, as far as the system says.

*Source*: proc(5), `/proc/[pid]/mountinfo`.
"""

import re
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    (
        *("afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2"),
        *("glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"),
    )
)
"""File systems that several machines share."""

_TABLE: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def file_system(path: Path) -> str:
    """The type of the file system that `path` is on, such as `ext4`; empty if nobody says."""
    try:
        table = _TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    return kind_in(table, path.resolve())


def kind_in(table: str, path: Path) -> str:
    """The type that `table`, in the form of mountinfo, has for an absolute `path`."""
    found, kind = Path("/"), ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mounted = Path(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two at the same place the later one lies on top.
        if path.is_relative_to(mounted) and mounted.is_relative_to(found):
            found, kind = mounted, after.split(" ")[0]
    return kind
