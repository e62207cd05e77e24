"""``seed-receipts.jsonl``: what was decided about a Record before it came here, where it was brought from.

The Record that a user starts with (`admin.setup`) is a seed to the receipts here. So that `history` and `import` know
of it all the same, the other instance's decisions are kept beside it: which candidate became which entry, and when. No
text: that stands in the Record, where a person can take it out, and there is nothing here to forget. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.errors import Parked
from ..core.paths import Place
from ..disk.untrusted import open_plain

__all__ = ["SeedReceipt", "as_lines", "read"]


class SeedReceipt(BaseModel):
    """One decision of the instance that the Record was brought from."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="SeedReceipt")

    candidate_id: str
    evidence_id: str | None = Field(None, description="The entry that it became; null where that cannot be told.")
    merged_at: str = Field(description="When, as that instance has noted it.")


def as_lines(receipts: Iterable[SeedReceipt]) -> bytes:
    """The file's bytes."""
    return b"".join(each.model_dump_json().encode() + b"\n" for each in receipts)


def read(place: Place) -> list[SeedReceipt]:
    """Those of this user, oldest first; none where the Record began here. Raises Parked where the file is none,
    OSError."""
    try:
        with open_plain(place.seed_receipts) as file:
            return [SeedReceipt.model_validate_json(line) for line in file if line.strip()]
    except FileNotFoundError:
        return []
    except ValidationError:
        raise Parked(
            place.display_path(place.seed_receipts), "a line of it is no receipt", "Put back a copy, or remove the file"
        ) from None
