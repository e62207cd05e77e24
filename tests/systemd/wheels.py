"""The packages that run these tests, as wheels again, so that `pip install` has something to install from in a machine
that has no network."""

from __future__ import annotations

import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import recursion_gate
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["make_wheels"]

_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make_wheels(project: str, folder: Path, *extras: str) -> None:
    """Write the wheel of `project`, and those of what it needs (with these extras of its own), into `folder`."""
    seen: set[tuple[str, str]] = set()
    ahead = [(project, extra) for extra in ("", *extras)]
    while ahead:
        name, extra = ahead.pop()
        name = canonicalize_name(name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        known = distribution(name)
        for each in map(Requirement, known.requires or ()):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                ahead += [(each.name, wanted) for wanted in ("", *each.extras)]
        if not extra:
            _write(known, name.replace("-", "_"), folder, _sources() if name == project else _installed(known))


def _installed(known: Distribution) -> dict[str, bytes]:
    """What lies in site-packages of an installed distribution."""
    files = [f for f in known.files or () if f.parts[0] != ".." and f.suffix != ".pyc"]
    return {f.as_posix(): Path(str(f.locate())).read_bytes() for f in files if not f.parts[0].endswith(".dist-info")}


def _sources() -> dict[str, bytes]:
    """The package as it stands in the checkout, installed or not."""
    top = Path(recursion_gate.__file__).parent
    files = [f for f in top.rglob("*") if f.is_file() and f.suffix != ".pyc"]
    return {f.relative_to(top.parent).as_posix(): f.read_bytes() for f in files}


def _write(known: Distribution, name: str, folder: Path, files: dict[str, bytes]) -> None:
    about = known.read_text("WHEEL") or _WHEEL
    if "_editable" in about or known.read_text("direct_url.json"):
        about = _WHEEL
    tags = [line.removeprefix("Tag: ") for line in about.splitlines() if line.startswith("Tag: ")]
    info = f"{name}-{known.version}.dist-info"
    files[f"{info}/METADATA"] = (known.read_text("METADATA") or known.read_text("PKG-INFO") or "").encode()
    files[f"{info}/WHEEL"] = about.encode()
    entry_points = known.read_text("entry_points.txt")
    if entry_points:
        files[f"{info}/entry_points.txt"] = entry_points.encode()
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
    with zipfile.ZipFile(folder / f"{name}-{known.version}-{tags[0]}.whl", "w") as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)
