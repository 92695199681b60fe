"""Deployments as they were noted beside their models, in a form that pages can show.

The notes (`registry.uses`) are tags, which any client may write: JSON of any shape. So every field
is taken as a text of bounded length, and an address is a link only if it leads to a web page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ...registry.uses import Note
from .json_text import parse, readable, sound
from .secrets_in_addresses import redacted
from .shell import with_server
from .words import cut

_LONGEST = 500  # characters of a field
_LONGEST_WORD = 24  # of a chip
_OVER = ("deleted", "replaced", "written")  # states in which nothing runs of it
_LOOKS = {"healthy": "ready", "starting": "running", "deleted": "none", "replaced": "none"}
_LOOKS |= {"written": "none", "unhealthy": "failed", "stopped": "failed"}


@dataclass(frozen=True)
class Deployed:
    """What was noted once; the newest note of a deployment stands for it.

    Attributes:
        target: such as "local".
        name: of the deployment.
        place: which machine, region or namespace.
        state: what was done last: deployed, updated, rolled back, written, replaced, deleted.
        status: how it was then, such as healthy.
        endpoint: where it answers.
        model_id: of the logged model.
        registered: name of the registered model; '' if it is no version.
        version: its number.
        model_uri: the address that was asked for.
        model_digest: of the model's files.
        image: that runs.
        image_digest: of that.
        by: who did it.
        when: milliseconds since 1970; None if the note does not say.
        former: older notes of the same deployment, the newest first.
    """

    target: str
    name: str
    place: str
    state: str
    status: str
    endpoint: str
    model_id: str
    registered: str
    version: int | None
    model_uri: str
    model_digest: str
    image: str
    image_digest: str
    by: str
    when: int | None
    former: list[Deployed] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether it is on record as something that runs."""
        return self.state not in _OVER

    @property
    def link(self) -> str | None:
        """The endpoint, if a browser may be sent there."""
        return self.endpoint if is_web_address(self.endpoint) else None

    @property
    def shown(self) -> str:
        """The word of its chip."""
        return cut((self.status if self.runs else self.state) or "unknown", _LONGEST_WORD)

    @property
    def look(self) -> str:
        """The chip's class."""
        return _LOOKS.get(self.shown, "none" if self.shown == "unknown" else "")

    def commands(self, server: str) -> list[tuple[str, str]]:
        """What can be done with it, and the command for it; ``server`` holds its model."""
        where = ["--target", self.target, "-n", self.name, *self._settings()]
        return [
            (what, with_server(server, "mlpack", "deployments", verb, *where, *more))
            for what, verb, *more in (
                ("Ask how it is now", "get"),
                ("Score the input example", "predict", "--example"),
                ("Read its log", "logs", "--tail", "50"),
                ("Put back what ran before", "rollback"),
                ("Remove it", "delete"),
            )
        ]

    def _settings(self) -> list[str]:
        """Where names alone may not find it."""
        if self.target == "sagemaker" and self.place:
            return ["-C", f"region={self.place}"]
        context, slash, namespace = self.place.rpartition("/")
        if self.target in ("kubernetes", "kserve") and slash:
            named = [] if "://" in context else ["-C", f"context={context}"]
            return [*named, "-C", f"namespace={namespace}"]
        return []

    def holds(self, words: str) -> bool:
        """Whether any of its texts holds these words, all of them."""
        of = f"{self.registered}/{self.version}"
        texts = [self.target, self.name, self.place, self.state, self.status, self.endpoint]
        texts += [self.model_id, of, self.image, self.by]
        whole = "\n".join(texts).lower()
        return all(word in whole for word in words.lower().split())


def deployed(notes: Iterable[Note]) -> list[Deployed]:
    """One entry a deployment, the last changed first; of one name in two places there are two."""
    found: dict[tuple[str, str, str], list[Deployed]] = {}
    for note in notes:
        if (one := _read(note)) is not None:
            found.setdefault((one.target, one.place, one.name), []).append(one)
    newest = []
    for some in found.values():
        # what is said to run comes before what is said to be over at the same time
        some.sort(key=lambda one: (one.when or 0, one.runs), reverse=True)
        some[0].former.extend(some[1:])
        newest.append(some[0])
    return sorted(newest, key=lambda one: one.when or 0, reverse=True)


@dataclass(frozen=True)
class Built:
    """An image that was built of a model."""

    reference: str
    digest: str
    platforms: str
    by: str
    when: int | None


def images(notes: Iterable[Note]) -> list[Built]:
    """The images on record, the newest first."""
    found = []
    for note in notes:
        told = _object(note.value)
        if told is not None:
            platforms = told.get("platforms")
            some = platforms if isinstance(platforms, list) else [platforms]
            found.append(
                Built(
                    _text(told.get("reference")),
                    _text(told.get("digest")),
                    _text(", ".join(map(_text, some))),
                    _text(told.get("by")),
                    moment_of(told.get("when")),
                )
            )
    return sorted(found, key=lambda one: one.when or 0, reverse=True)


def is_web_address(text: str) -> bool:
    """Whether it is http(s)://host…, with nothing in it that browsers read in their own way."""
    if not text.isprintable() or any(char in text for char in " \\<>\"'`"):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        return False


def _object(text: str) -> dict[str, Any] | None:
    told = parse(text)
    return told if isinstance(told, dict) else None


def _read(note: Note) -> Deployed | None:
    told = _object(note.value)
    if told is None:
        return None
    texts: dict[str, Any] = {name: _text(told.get(name)) for name in _TEXTS}
    registered, version = note.model.name or "", note.model.version
    if not registered:
        registered, version = _version(_text(told.get("of")))
    return Deployed(
        model_id=note.model.model_id or "",
        registered=registered,
        version=version,
        when=moment_of(told.get("when")),
        **texts,
    )


_TEXTS = (
    *("target", "name", "place", "state", "status", "endpoint", "model_uri", "model_digest"),
    *("image", "image_digest", "by"),
)


def _text(value: Any) -> str:
    text = "" if value is None else sound(value) if isinstance(value, str) else readable(value)
    return cut(redacted(text), _LONGEST)


def _version(of: str) -> tuple[str, int | None]:
    name, slash, number = of.rpartition("/")
    known = bool(slash and name) and number.isascii() and number.isdecimal() and len(number) < 10
    return (name, int(number)) if known else ("", None)


def moment_of(when: Any) -> int | None:
    """The time that a note says, in milliseconds since 1970; None where it says none."""
    try:
        moment = datetime.fromisoformat(str(when))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
