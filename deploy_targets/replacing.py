"""One container takes the place of another: updates and rollbacks, also after a kill.

Where both take their connections from the same holder, the new one joins the old one, and then
the old one is told to stop: nobody notices (`_hand_over`). Otherwise the old one, and its holder
if it has one, stop and are set aside, and the new one starts on their port: requests fail for the
seconds of one start (`_change_over`). Either way the old one is kept, stopped, for a rollback.

Names are the state, and are changed in an order from which `put_right` can tell what a kill left.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import DeployFailed, InvalidState
from .base import Report, say
from .containers import (
    FORMER,
    HOLDER,
    PREVIOUS,
    RETURNING,
    STOP_SECONDS,
    TRIAL,
    all_of,
    container_name,
    discard,
    named,
    remove_unnamed_image,
)
from .health import is_handover, is_up, port_owner, published_port, wait_healthy
from .launching import Launch, keep, start_holder, start_server

_GIVEN_UP_SECONDS = 3  # for one that never answered: it has nothing to finish


def why_noticed(client: Any, old: Any, launch: Launch) -> str | None:
    """Why requests will fail for a moment during an update; None if they will not."""
    if not launch.options.seamless:
        return "seamless=false"
    if not launch.handover:
        return "the new image's server cannot take over from another"
    holder = port_owner(old) if is_handover(old) else None
    if holder is None or holder.status != "running":
        return "the present deployment does not share its port"
    if launch.options.port not in (None, published_port(holder)):
        return "the port changes"
    (bindings,) = (holder.attrs["HostConfig"]["PortBindings"] or {}).values()
    network = holder.attrs["HostConfig"]["NetworkMode"].replace("default", "bridge")
    if (bindings[0].get("HostIp"), network) != (
        launch.options.host,
        launch.options.network or "bridge",
    ):
        return "the address changes"
    return None


def update(client: Any, old: Any, launch: Launch, report: Report) -> Any:
    """Let a new container take the place and, unless told otherwise, the port of an old one."""
    if why_noticed(client, old, launch) is None:
        say(report, "Starting the new one beside the old one")
        new = start_server(client, launch, TRIAL + secrets.token_hex(3))
        return _hand_over(client, old, new, launch.name, launch.options.timeout, _drop, report)
    say(report, "Trying the new image beside the old one")
    trial = start_server(client, launch.plain, TRIAL + secrets.token_hex(3))
    try:
        wait_healthy(trial, launch.options.timeout)
    finally:
        discard(trial)
    owner = port_owner(old)
    port = launch.options.port or (published_port(owner) if owner else None)

    def start() -> Any:
        if launch.handover:
            start_holder(client, launch, HOLDER, port)
        return start_server(client, launch, port=port)

    def undo() -> None:
        for suffix in ("", HOLDER):
            if container := named(client, launch.name, suffix):
                discard(container)

    return _change_over(client, old, launch.name, launch.options.timeout, start, undo, report)


def rollback(client: Any, old: Any, name: str, timeout: float, report: Report) -> Any:
    """Let what ran before the last update take the place of what runs.

    Raises:
        InvalidState: there is nothing before it.
    """
    before = named(client, name, PREVIOUS)
    if before is None:
        raise InvalidState(f"There is nothing before the deployment {name!r} to go back to.")
    holder = named(client, name, HOLDER)
    if (
        is_handover(before)
        and is_handover(old)
        and named(client, name, HOLDER + PREVIOUS) is None
        and holder is not None
        and holder.status == "running"
    ):
        say(report, "Starting the one before beside the present one")
        before.rename(container_name(name) + RETURNING)
        before.start()

        def keep_it(container: Any) -> None:
            container.stop(timeout=STOP_SECONDS)
            container.rename(container_name(name) + PREVIOUS)

        return _hand_over(client, old, before, name, timeout, keep_it, report)

    def start() -> Any:
        _move(client, name, PREVIOUS, "")
        if own := named(client, name, HOLDER):
            own.start()
        before.start()
        return before

    def undo() -> None:
        for suffix in ("", HOLDER):
            if container := named(client, name, suffix):
                container.stop(timeout=_GIVEN_UP_SECONDS)
        _move(client, name, "", PREVIOUS)

    return _change_over(client, old, name, timeout, start, undo, report)


def put_right(client: Any, name: str) -> None:
    """Undo or finish what a change that was killed left behind.

    The caller holds the deployment's `lock`, so no change is under way.
    """
    current = named(client, name)
    if named(client, name, FORMER) is not None:
        if current is not None and is_up(current):
            _settle(client, name)
        else:
            for suffix in ("", HOLDER):
                left = named(client, name, suffix)
                if left is not None and (not suffix or named(client, name, HOLDER + FORMER)):
                    discard(left)
            _move(client, name, FORMER, "")
            _run(client, name)
    elif current is None and (previous := named(client, name, PREVIOUS)) is not None:
        _move(client, name, PREVIOUS, "")
        if previous.status == "running":  # it was only renamed yet
            keep(previous)
        else:
            _run(client, name)
    returning = named(client, name, RETURNING)
    if returning is not None:
        returning.stop(timeout=STOP_SECONDS)
        returning.rename(container_name(name) + PREVIOUS)
    for container in all_of(client, name):
        if container.name.startswith(container_name(name) + TRIAL):
            _drop(container)
    previous = named(client, name, PREVIOUS)
    if previous is not None and previous.status == "running":
        _rest(previous)


def _hand_over(
    client: Any,
    old: Any,
    new: Any,
    name: str,
    timeout: float,
    give_up: Callable[[Any], None],
    report: Report,
) -> Any:
    """Both take connections for a moment; then the old one takes no more, and ends."""
    try:
        say(report, "Waiting until it answers")
        wait_healthy(new, timeout)
        keep(new)
    except BaseException:
        give_up(new)
        raise
    say(report, "The old one answers what it has, and stops")
    _forget_previous(client, name)
    old.rename(container_name(name) + PREVIOUS)
    new.rename(container_name(name))
    _rest(old)
    return new


def _change_over(
    client: Any,
    old: Any,
    name: str,
    timeout: float,
    start: Callable[[], Any],
    undo: Callable[[], None],
    report: Report,
) -> Any:
    """The old one stops, the new one starts; if that fails, the old one starts again."""
    say(report, "Changing over: nothing answers for a moment")
    was_running = old.status == "running"
    try:
        old.stop(timeout=STOP_SECONDS)
        if holder := named(client, name, HOLDER):
            holder.stop(timeout=STOP_SECONDS)
        _move(client, name, "", FORMER)
        try:
            new = start()
            wait_healthy(new, timeout)
            keep(new)
        except BaseException:
            undo()
            raise
    except BaseException:
        _move(client, name, FORMER, "")
        if was_running:
            _run(client, name)
        raise
    _settle(client, name)
    return new


def _settle(client: Any, name: str) -> None:
    """What was set aside is from now on the one before."""
    if named(client, name, PREVIOUS) is not None:
        _forget_previous(client, name)
    _move(client, name, FORMER, PREVIOUS)
    if previous := named(client, name, PREVIOUS):
        _rest(previous)


def _move(client: Any, name: str, here: str, there: str) -> None:
    """Rename a server and, if it has one of its own, its holder."""
    for part in (HOLDER, ""):
        if container := named(client, name, part + here):
            container.rename(container_name(name) + part + there)


def _run(client: Any, name: str) -> None:
    """Start what serves, and its holder, whatever state they are in, and wait a while for it."""
    for suffix in (HOLDER, ""):
        if container := named(client, name, suffix):
            if not suffix:
                container.stop(timeout=STOP_SECONDS)  # one that was cut short goes on in the engine
            container.start()
            keep(container)
    if container := named(client, name):
        with suppress(DeployFailed):
            wait_healthy(container, STOP_SECONDS)


def _rest(container: Any) -> None:
    """Kept for a rollback: no engine starts it by itself."""
    container.update(restart_policy={"Name": "no"})
    container.stop(timeout=STOP_SECONDS)


def _forget_previous(client: Any, name: str) -> None:
    """There is one step back, not many."""
    for suffix in (PREVIOUS, HOLDER + PREVIOUS):
        if container := named(client, name, suffix):
            image = container.attrs["Image"]
            discard(container)
            remove_unnamed_image(client, image)


def _drop(container: Any) -> None:
    """Remove one that may have begun to answer."""
    try:
        if container.status == "running":
            container.stop(timeout=STOP_SECONDS)
    finally:
        discard(container)
