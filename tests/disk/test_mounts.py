"""On which file system a folder lies."""

from __future__ import annotations

from pathlib import Path

from recursion_gate.disk.mounts import kind_at

MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - nfs4 server:/srv rw
31 22 0:41 / /srv/with\040blank rw - vfat /dev/sdb1 rw
"""


def test_the_file_system_a_root_is_on_is_told_by_the_longest_mount(tmp_path: Path) -> None:
    assert kind_at(Path("/home/alex"), MOUNTS) == "ext4"
    assert kind_at(Path("/srv"), MOUNTS) == "nfs4"
    assert kind_at(Path("/srvother"), MOUNTS) == "ext4"
    assert kind_at(Path("/srv/with blank/root"), MOUNTS) == "vfat"
    assert kind_at(Path("/"), "") is None
