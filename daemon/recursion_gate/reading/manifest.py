"""The manifest of a user's archive (`archive`), which is also the answer of `export --all`."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .answer import Answer

__all__ = ["ListedFile", "Manifest", "OmittedFile"]


class ListedFile(Answer):
    """A file in the archive."""

    model_config = ConfigDict(title="File")

    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class OmittedFile(Answer):
    """A file of the user that is not in the archive."""

    model_config = ConfigDict(title="LeftOut")

    path: str
    why: str


class Manifest(Answer):
    """The content of an archive."""

    model_config = ConfigDict(title="Manifest")

    format: Literal["recursion-gate-archive"] = "recursion-gate-archive"
    version: Literal[1] = 1
    user: str
    seq: int = Field(description="The last receipt's number; 0 where there is none.")
    hash: str = Field(description="The last receipt's hash; empty where there is none.")
    pending_count: int
    files: dict[str, ListedFile] = Field(description="By path: all files but this one.")
    left_out: list[OmittedFile] = Field(description="What the user keeps there that could not be taken along.")
