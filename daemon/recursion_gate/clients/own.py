"""What a person proposes: a drop as any other, also where people may decide and not drop (docs/security.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.paths import Place
from ..disk.deliver import deliver
from .stage import NotAllowed, NotText, source_slug, stage

__all__ = ["drop", "put"]


def drop(place: Place, fields: Mapping[str, Any]) -> Path:
    """Write a drop of these fields, which have an id, a raw_text and a source; gives its path. Raises OSError, NotText,
    NoInbox."""
    more = {name: value for name, value in fields.items() if name not in ("raw_text", "source")}
    try:
        return stage(fields["raw_text"], user=place.user, root=place.root, source=fields["source"], fields=more)
    except NotAllowed:
        try:
            data = json.dumps(dict(fields), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise NotText from None
        return put(place, f"{source_slug(fields['source'])}-{fields['id']}.json", data)


def put(place: Place, name: str, data: bytes) -> Path:
    """Put a whole drop where this account may: into the inbox, else into approved/, where what was never staged is a
    drop, too. Raises OSError."""
    try:
        return deliver(place.inbox, name, data)
    except PermissionError:
        return deliver(place.approved, name, data, own=True)
