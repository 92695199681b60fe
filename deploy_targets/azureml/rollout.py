"""From one deployment to the next: made beside it, tried, given the traffic, or taken back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...errors import (
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    MlpackError,
    NotFound,
)
from ..base import DeployRequest, Progress, Report, say
from ..options import secrets_of, without_secrets
from . import documents, registry, scoring, state
from .arm import Arm
from .failures import advice
from .options import BATCH, AzureMLOptions
from .sdk import Sdk
from .source import Source
from .state import Endpoint, Slot

_BETWEEN_TRIES = 10.0
# after these Azure has refused, so that something of ours may be in the way; after others, such
# as a lost connection, what is there is what the next try goes on from
_REFUSALS = (DeployFailed, InvalidInput, NotFound)


@dataclass(frozen=True)
class Rollout:
    """One request, on its way.

    Attributes:
        arm: the workspace, to look at.
        sdk: the same, to change.
        request: what somebody wants to have.
        options: how.
        source: what it is made from.
        report: called with what happens.
    """

    arm: Arm
    sdk: Sdk
    request: DeployRequest
    options: AzureMLOptions
    source: Source
    report: Report

    @property
    def name(self) -> str:
        """Of the endpoint."""
        return self.request.name

    @property
    def kind(self) -> str:
        """``online`` or ``batch``."""
        return self.options.kind

    @property
    def slot_name(self) -> str:
        """Of the deployment that will run this."""
        return documents.deployment_name(self.source, self.options, self.name)

    def run(self, found: Endpoint | None) -> None:
        """Do it; see `DeployTarget.create` and ``update``.

        Args:
            found: the endpoint, if it is there.
        """
        artifact, image = self._artifact()
        wanted = documents.endpoint(self.name, self.options)
        if found is None or found.state == "failed" or _settings(found) != _settings_of(wanted):
            say(self.report, f"Making the endpoint {self.name}")
            if found is not None:  # a PUT says all that is to stay
                wanted["tags"].update(_kept_tags(found))
                wanted |= _kept_traffic(found)
            self.sdk.put_endpoint(wanted, self.kind, self.report)
        try:
            self._make_slot(artifact, image, found)
            if self.request.wait:
                self._change_over()
        except KeyboardInterrupt:
            note = "Azure goes on with what was begun, which may cost. Deploy again to finish it, "
            self.report(Progress("notice", f"{note}or delete it."))
            raise
        except _REFUSALS as error:
            log = self._end_of_log(15)
            note = self._take_back(made_endpoint=found is None)
            raise _failure(error, log, note) from error

    def _artifact(self) -> tuple[str, str]:
        """Register what runs: ``(azureml:<name>:<version>, its image or folder's digest)``."""
        if self.source.image is None:
            document = documents.model(self.name, self.source)
            say(self.report, f"Uploading the model as {document['name']}:{document['version']}")
            self.sdk.put_model(document)
            image = ""
        else:
            image = registry.put_image(
                self.arm, self.name, self.source, self.options, self.request.builder, self.report
            )
            document = documents.environment(self.name, image, self.options)
            say(self.report, f"Registering the image as {document['name']}:{document['version']}")
            self.sdk.put_environment(document)
        return f"azureml:{document['name']}:{document['version']}", image

    def _make_slot(self, artifact: str, image: str, found: Endpoint | None) -> None:
        """Have the deployment, from an earlier try or anew."""
        slot = found.slots.get(self.slot_name) if found else None
        if slot and slot.state == "failed":
            say(self.report, f"Removing {slot.name}, which failed earlier")
            self.sdk.delete_deployment(slot.name, self.name, self.kind, self.report)
        elif slot and slot.state == "succeeded":
            say(self.report, f"{slot.name} is there already")
            return
        elif slot:
            self._wait_for_other(slot)
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        tags = documents.record(self.request, self.source, image, now)
        document = documents.deployment(
            self.name, self.slot_name, artifact, self.source, self.options, tags
        )
        say(self.report, f"Making the deployment {self.slot_name}")
        self.sdk.put_deployment(
            document,
            self.kind,
            self.report,
            wait=self.options.timeout if self.request.wait else None,
            look=self._last_line,
        )

    def _wait_for_other(self, slot: Slot) -> None:
        """Another run, or ``--no-wait``, has begun it."""
        if not self.request.wait:
            return
        say(self.report, f"Waiting for {slot.name}, which Azure is making already")
        deadline, pause = time.monotonic() + self.options.timeout, 0.2
        while time.monotonic() < deadline:
            seen = state.find(self.arm, self.name, self.kind)
            now = seen.slots.get(slot.name) if seen else None
            if now is None or now.state == "failed":
                raise DeployFailed(f"Azure could not make the deployment {slot.name}.")
            if now.state == "succeeded":
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _BETWEEN_TRIES)
        raise DeployFailed(
            f"Azure has not finished the deployment {slot.name} within {self.options.timeout:g} s."
        )

    def _change_over(self) -> None:
        """Give the new deployment the requests, in steps, and take them back if it fails."""
        now = self._look()
        old = now.current
        if self.kind == BATCH:
            if old is None or old.name != self.slot_name:
                say(self.report, f"Sending jobs to {self.slot_name}")
                tags = _tags_after(now, old, keep=self.options.keep_previous)
                self.sdk.set_default(self.name, self.slot_name, tags, self.report)
            self._tidy()
            return
        self._try_out(now)
        if old is None or old.name == self.slot_name:
            self._send_all(now, None)
        else:
            try:
                self._in_steps(now, old)
            except BaseException:
                say(self.report, f"Giving all requests back to {old.name}")
                self.sdk.set_traffic(self.name, {old.name: 100}, {}, now.tags, self.report)
                raise
        if not self.options.canary_percentage or old is None:
            self._tidy()

    def _in_steps(self, now: Endpoint, old: Slot) -> None:
        if self.options.mirror_percentage:
            share = self.options.mirror_percentage
            say(self.report, f"Copying {share} % of the requests to {self.slot_name}")
            self.sdk.set_traffic(
                self.name, {old.name: 100}, {self.slot_name: share}, now.tags, self.report
            )
            self._hold(now)
        canary = self.options.canary_percentage
        for share in (*self.options.traffic_steps, *([canary] if canary else [])):
            say(self.report, f"Sending {share} % of the requests to {self.slot_name}")
            traffic = {self.slot_name: share, old.name: 100 - share}
            self.sdk.set_traffic(self.name, traffic, {}, now.tags, self.report)
            if share != canary:
                self._hold(now)
        if not canary:
            self._send_all(now, old)

    def _send_all(self, now: Endpoint, old: Slot | None) -> None:
        if now.traffic.get(self.slot_name) == 100 and not now.mirror:
            return
        say(self.report, f"Sending all requests to {self.slot_name}")
        tags = _tags_after(now, old, keep=self.options.keep_previous) if old else now.tags
        self.sdk.set_traffic(self.name, {self.slot_name: 100}, {}, tags, self.report)

    def _hold(self, now: Endpoint) -> None:
        """Watch the new deployment for the length of a step."""
        deadline = time.monotonic() + self.options.step_seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _BETWEEN_TRIES))
            self._try_out(now)

    def _try_out(self, now: Endpoint) -> None:
        if self.source.example is None:
            return
        say(self.report, f"Trying {self.slot_name} with the model's input example")
        try:
            scoring.try_out(self.arm, now, self.slot_name, self.source.example)
        except EngineUnavailable:
            if self.options.public_network_access == "enabled":
                raise
            note = "The endpoint cannot be reached from here, so it was not tried."
            self.report(Progress("notice", note))

    def _tidy(self) -> None:
        """Remove deployments of ours that are neither in use nor kept for a rollback."""
        now = self._look()
        kept = {self.slot_name, now.previous.name if now.previous else ""}
        for slot in now.slots.values():
            if slot.ours and slot.name not in kept and not now.traffic.get(slot.name):
                say(self.report, f"Removing the deployment {slot.name}")
                try:
                    self.sdk.delete_deployment(slot.name, self.name, self.kind, self.report)
                except MlpackError as error:
                    self.report(Progress("notice", f"{slot.name} is still there: {error.message}"))

    def _look(self) -> Endpoint:
        now = state.find(self.arm, self.name, self.kind)
        if now is None:
            raise NotFound(f"The endpoint {self.name!r} has gone while it was being changed.")
        return now

    def _last_line(self) -> str:
        return next(iter(self._end_of_log(1)), "")

    def _end_of_log(self, lines: int) -> list[str]:
        if self.kind == BATCH:
            return []
        secrets = secrets_of(self.options)
        log = scoring.end_of_log(self.arm, self.name, self.slot_name, lines)
        return [without_secrets(line, secrets) for line in log]

    def _take_back(self, made_endpoint: bool) -> str:
        """Leave what was; says what could not be removed."""
        try:
            if made_endpoint:
                say(self.report, f"Removing the endpoint {self.name} again")
                self.sdk.delete_endpoint(self.name, self.kind, self.report)
                return ""
            now = self._look()
            slot = now.slots.get(self.slot_name)
            if slot and not now.traffic.get(slot.name):
                say(self.report, f"Removing the deployment {slot.name} again")
                self.sdk.delete_deployment(slot.name, self.name, self.kind, self.report)
        except MlpackError as error:
            return (
                f"What was begun is still there and may cost ({error.message}) "
                f"Deploy again to go on, or remove it: mlpack deployments delete --target azureml "
                f"-n {self.name}"
            )
        return ""


def roll_back(arm: Arm, sdk: Sdk, found: Endpoint, report: Report) -> None:
    """Give the requests back to what had them before.

    Raises:
        InvalidState: there is nothing before it, or it is not up.
    """
    current = found.current
    shared = [name for name, share in found.traffic.items() if share]
    if current is not None and len(shared) > 1:
        say(report, f"Giving all requests back to {current.name}")
        sdk.set_traffic(found.name, {current.name: 100}, {}, found.tags, report)
        return
    before = found.previous
    if before is None:
        raise InvalidState(
            f"Nothing was kept of what {found.name!r} ran before (-C keep_previous=true keeps it)."
        )
    if before.state != "succeeded":
        raise InvalidState(f"{before.name}, which ran before, is {before.state}.")
    tags = _tags_after(found, current, keep=True)
    say(report, f"Giving all requests back to {before.name}")
    if found.kind == BATCH:
        sdk.set_default(found.name, before.name, tags, report)
    else:
        sdk.set_traffic(found.name, {before.name: 100}, {}, tags, report)


def remove(arm: Arm, sdk: Sdk, found: Endpoint, report: Report, force: bool) -> None:
    """Delete an endpoint and what is behind it.

    Raises:
        InvalidState: behind it is something that mlpack did not make.
    """
    strange: Sequence[str] = [slot.name for slot in found.slots.values() if not slot.ours]
    if strange and not force:
        raise InvalidState(
            f"Behind {found.name!r} are deployments that mlpack did not make: "
            f"{', '.join(strange)}. --force removes them, too."
        )
    say(report, f"Deleting the endpoint {found.name} and its {len(found.slots)} deployments")
    sdk.delete_endpoint(found.name, found.kind, report)


def archive(arm: Arm, sdk: Sdk, name: str, report: Report) -> bool:
    """Archive the environments and models that were registered for a deployment.

    They cost nothing, so that one that stays is told, and is no failure.

    Returns:
        whether there was any.
    """
    some = False
    for collection in ("environments", "models"):
        for told in list(arm.all(f"/{collection}/{documents.asset_name(name)}/versions")):
            properties = told.get("properties") or {}
            ours = (properties.get("tags") or {}).get(documents.NAME_TAG) == name
            if not ours or properties.get("isArchived"):
                continue
            what = f"{documents.asset_name(name)}:{told['name']}"
            say(report, f"Archiving {what} of the {collection}")
            try:
                sdk.archive(collection, documents.asset_name(name), str(told["name"]))
                some = True
            except MlpackError as error:
                report(Progress("notice", f"{what} is still registered: {error.message}"))
    return some


def _failure(error: MlpackError, log: Sequence[str], note: str) -> MlpackError:
    if not isinstance(error, DeployFailed):
        return type(error)(f"{error.message} {note}") if note else error
    what_to_try = error.advice or advice(error.reason)
    return DeployFailed(error.reason, log or error.log, " ".join(filter(None, (what_to_try, note))))


def _settings(found: Endpoint) -> str:
    return found.tags.get(documents.SETTINGS_TAG, "")


def _settings_of(document: documents.Document) -> str:
    return str(document["tags"][documents.SETTINGS_TAG])


def _kept_tags(found: Endpoint) -> dict[str, str]:
    previous = found.tags.get(documents.PREVIOUS_TAG)
    return {documents.PREVIOUS_TAG: previous} if previous else {}


def _kept_traffic(found: Endpoint) -> documents.Document:
    if found.kind != BATCH:
        return {"traffic": dict(found.traffic)}
    return {"defaults": {"deployment_name": found.current.name}} if found.current else {}


def _tags_after(found: Endpoint, old: Slot | None, *, keep: bool) -> dict[str, str]:
    """An endpoint's tags when another deployment has taken the place of ``old``."""
    tags = {key: value for key, value in found.tags.items() if key != documents.PREVIOUS_TAG}
    if keep and old is not None:
        tags[documents.PREVIOUS_TAG] = old.name
    return tags
