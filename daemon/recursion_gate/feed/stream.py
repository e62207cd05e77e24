"""The consumer group on a Redis Stream: read, claim, acknowledge, and tell what could not be used.

What is delivered and not acknowledged stays in the group's list under the consumer's name, so that a feed which starts,
or has failed, begins with its own list, and nothing depends on what it remembers.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from ..core.errors import GateError, Refusal
from ..core.model import instant
from ..core.text import printable
from .entry import Entry, Later

__all__ = ["BadQueue", "Stream", "default_consumer"]

_CONNECT = 5.0
#: Seconds for an answer, beyond those that it was asked to wait for entries.
_ANSWER = 10.0
#: An entry that cannot be used is copied to the problems up to this many bytes; it also stands in the stream.
_COPIED = 64_000
#: Answers that need a person: the server is there, and does not let us.
_FOR_A_PERSON = ("WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPERM", "invalid password", "unknown command", "DB index")


class BadQueue(GateError):
    """The queue cannot be used as it was asked for."""


def default_consumer() -> str:
    """This computer's name: a feed that starts again goes on where it stopped."""
    return socket.gethostname() or "feed"


class Stream:
    """The stream `name` at `url`, read as `consumer` of `group`; `idle` is after how many seconds another consumer's
    entries are claimed, `batch` how many are read at once. Raises BadQueue where the URL is none."""

    def __init__(
        self,
        url: str,
        name: str,
        group: str,
        consumer: str,
        *,
        idle: float,
        batch: int = 16,
        password: str | None = None,
    ) -> None:
        self._name, self._group, self._consumer = _bytes(name), _bytes(group), _bytes(consumer)
        self.problems = self._name + b":problems"
        self._idle, self._batch = int(idle * 1000), batch
        more: dict[str, Any] = {"password": password} if password else {}
        try:
            self._redis: Any = redis.Redis.from_url(  # its types say less than it gives, and change between versions
                url,
                protocol=2,
                socket_connect_timeout=_CONNECT,
                socket_timeout=_ANSWER,
                retry=Retry(NoBackoff(), 0),  # the loop waits, and begins with what it had not acknowledged
                **more,
            )
        except (ValueError, TypeError, AttributeError) as err:
            raise BadQueue(f"this is no address of a Redis server: {printable(str(err))}") from None
        for command in ("XREADGROUP", "XAUTOCLAIM"):
            self._redis.set_response_callback(command, lambda answer, **_: answer)  # with a field that is given twice
        where = self._redis.connection_pool.connection_kwargs
        #: The server, without a password.
        self.address = str(where.get("path") or f"{where.get('host', 'localhost')}:{where.get('port', 6379)}")

    @property
    def name(self) -> bytes:
        return self._name

    def open(self) -> None:
        """Make the group, at the beginning of the stream, unless it is there. Raises BadQueue, Later."""
        with self._asking():
            for key in (self._name, self.problems):
                kind = self._redis.type(key)
                if kind not in (b"none", b"stream"):
                    raise BadQueue(f"'{_shown(key)}' at {self.address} is a {_shown(kind)}, and no stream")
            try:
                self._redis.xgroup_create(self._name, self._group, "0", mkstream=True)
            except ResponseError as err:
                if not str(err).startswith("BUSYGROUP"):
                    raise

    def own(self) -> list[Entry]:
        """The oldest entry that was delivered to this consumer and not acknowledged: one alone, so that a feed which
        died of a batch of huge ones gets past them. Raises BadQueue, Later."""
        return self._read(b"0", 1, None)

    def new(self, wait: float | None) -> list[Entry]:
        """Entries that nobody has got yet; waits so many seconds for one, None: not at all. Raises BadQueue, Later."""
        return self._read(b">", self._batch, wait)

    def _read(self, after: bytes, count: int, wait: float | None) -> list[Entry]:
        block = [b"BLOCK", int(wait * 1000)] if wait is not None else []
        with self._asking():
            answer = self._redis.execute_command(
                *("XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", count),
                *(*block, "STREAMS", self._name, after),
            )
        return [_entry(each) for _, entries in answer or [] for each in entries]

    def claim(self) -> tuple[int, list[Entry]]:
        """Take over what was delivered to any consumer, and not acknowledged, longer than `idle` ago: how many entries,
        which are then among `own`; and those that were deleted or trimmed meanwhile: the server forgets them with
        this. Raises BadQueue, Later."""
        count, gone, cursor = 0, list[Entry](), b"0-0"
        with self._asking():
            while True:
                answer = self._redis.execute_command(
                    *("XAUTOCLAIM", self._name, self._group, self._consumer, self._idle, cursor),
                    *("COUNT", self._batch, "JUSTID"),
                )
                cursor, count = answer[0], count + len(answer[1])
                gone += [
                    Entry(each.decode(), None) for each in (answer[2] if len(answer) > 2 else ())
                ]  # from Redis 7 on
                if cursor == b"0-0" or count >= self._batch:
                    return count, gone

    def done(self, ids: Sequence[str], *, delete: bool = False) -> None:
        """Acknowledge these entries; with `delete` they leave the stream, too. Raises BadQueue, Later."""
        with self._asking(), self._redis.pipeline(transaction=delete) as both:
            both.xack(self._name, self._group, *ids)
            if delete:  # both or neither: else a text stays, or an entry is told as trimmed
                both.xdel(self._name, *ids)
            both.execute()

    def refuse(self, entry: Entry, why: Refusal) -> None:
        """Write down why `entry` cannot be used. Raises BadQueue, Later."""
        fields: dict[bytes, bytes] = {
            b"entry": entry.id.encode(),
            b"stream": self._name,
            b"why": why.problem.encode(errors="replace"),
            b"remedy": why.remedy.encode(errors="replace"),
            b"at": instant(datetime.now(UTC)).encode(),
        }
        if entry.size > _COPIED:
            fields[b"bytes"] = b"%d" % entry.size
        else:
            fields |= {b"entry:" + name: value for name, value in entry.fields or ()}
        with self._asking():
            self._redis.xadd(self.problems, fields)

    def unacknowledged(self) -> int:
        """How many entries any consumer of the group has and has not acknowledged. Raises BadQueue, Later."""
        with self._asking():
            answer = self._redis.xpending(self._name, self._group)
        return int(answer["pending"])

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (AuthenticationError, NoPermissionError) as err:
            raise BadQueue(f"Redis at {self.address} does not let us in: {printable(str(err))}") from None
        except RedisError as err:
            said = printable(str(err)) or type(err).__name__
            if isinstance(err, ResponseError) and any(word in said for word in _FOR_A_PERSON):
                raise BadQueue(f"Redis at {self.address}: {said}") from None
            raise Later(f"Redis at {self.address}: {said}") from None
        except OSError as err:
            raise Later(f"Redis at {self.address}: {err.strerror or err}") from None


def _entry(answer: Any) -> Entry:
    entry_id, flat = answer
    fields = None if flat is None else tuple(zip(flat[::2], flat[1::2], strict=True))
    return Entry(entry_id.decode(), fields)


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _shown(name: bytes) -> str:
    return printable(name.decode(errors="replace"))
