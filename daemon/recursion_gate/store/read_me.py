"""``inbox/<user>/READ ME FIRST.txt``: says to a person who opens the inbox what its folders are for."""

from __future__ import annotations

from ..core.paths import Place
from ..disk import atomic

__all__ = ["TEXT", "put"]

TEXT = """\
Programs propose entries about {user}. You decide what is kept. This is how:

1. Open the folder "pending". Each file in it is one proposed entry.
2. Read it. You may correct its text, and save it.
3. Move it into "approved" to keep the entry, or into "rejected" to leave it out.

Deleting a file decides nothing: it comes back. A file leaves "approved" and "rejected" once that is carried out.
If you have changed your mind: copy the decided file from receipts/{user}/ into "undo". It waits again then.
If something could not be used, it is in "problems", with the reason in a file beside it.
What was kept is in users/{user}/, and each decided file in receipts/{user}/.
"""


def put(place: Place) -> None:
    """Make the page where it is missing; one that a person has written stays. Raises OSError."""
    atomic.create(place.read_me, TEXT.format(user=place.user).encode(), sync=True, mode=0o644)
