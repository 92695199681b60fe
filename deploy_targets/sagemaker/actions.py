"""What the target does, with botocore at hand; `target` is its face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...builders.base import BuildSpec
from ...errors import NotFound
from ..base import Deployment, DeployRequest, Plan, Prediction, Report, check_name, ignore
from ..lock import lock
from . import apply, invoke, logs, parts, scaling, state, transform, variants
from .aws import Aws, translated
from .image import remove_repository
from .options import SagemakerOptions, read
from .prepare import Prepared, prepare
from .wanted import paid, shown, storage
from .watch import Patience, wait_endpoint


class Actions:
    """The methods of a `DeployTarget`.

    Args:
        region: for the methods that take no options; default: of the AWS configuration.
        profile: likewise.
        patience: how often the cloud is asked while something is made.
    """

    def __init__(
        self,
        region: str | None = None,
        profile: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._region, self._profile = region, profile
        self._patience = patience or Patience()
        self._known: dict[tuple[str | None, str | None], Aws] = {}

    def plan(self, request: DeployRequest) -> Plan:
        """See `DeployTarget.plan`."""
        notices: list[str] = []
        options, aws = self._open(request)
        with translated():
            found = prepare(aws, request, options, lambda event: notices.append(event.message))
            if options.batch_input:
                return _batch_plan(aws, found, request, notices)
            action = self._action(aws, found)
        wanted = found.wanted
        bodies = {
            "CreateModel": shown(wanted.model()),
            "CreateEndpointConfig": wanted.config(),
            **({"CreateEndpoint": wanted.endpoint()} if action == "create" else {}),
            **({"UpdateEndpoint": wanted.update()} if action == "update" else {}),
        }
        for target, policy in scaling.bodies(wanted.name, options):
            bodies[f"RegisterScalableTarget {target['ResourceId']}"] = target
            bodies[f"PutScalingPolicy {target['ResourceId']}"] = policy
        details = {"place": aws.region, "account": aws.account, "requests": bodies}
        if action == "none":
            return Plan("none", [*notices, "nothing: it runs as it is wanted"], details)
        steps = [*notices, *_steps(found, request, action)]
        return Plan(action, steps, details, paid(wanted))  # type: ignore[arg-type]

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`."""
        options, aws = self._open(request)
        with lock(request.name), translated():
            found = prepare(aws, request, options, report)
            if options.batch_input:
                return transform.run(aws, request, found, self._for(options), report)
            apply.create(aws, request, found, self._for(options), report)
            return state.describe(aws, state.need(aws, request.name))

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`."""
        options, aws = self._open(request)
        with lock(request.name), translated():
            found = prepare(aws, request, options, report)
            if options.batch_input:
                return transform.run(aws, request, found, self._for(options), report)
            apply.update(aws, request, found, self._for(options), report)
            return state.describe(aws, state.need(aws, request.name))

    def rollback(self, name: str, report: Report = ignore) -> Deployment:
        """See `DeployTarget.rollback`."""
        aws = self._aws()
        with lock(name), translated():
            apply.rollback(aws, state.need(aws, name), self._patience, report)
            return state.describe(aws, state.need(aws, name))

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`."""
        check_name(name)
        aws = self._aws()
        with lock(name), translated():
            existing = state.find(aws, name, force=force)
            stopped = transform.stop_all(aws, name, self._patience, report)
            if existing:
                scaling.remove(aws, name)
                if existing.status in apply.BUSY:  # AWS deletes only what it is not at work on
                    wait_endpoint(aws, name, self._patience, report)
                if existing.status != "Deleting":
                    apply.remove_endpoint(aws, name, self._patience, report)
            some = parts.remove_all(aws, name, report)
            some |= remove_repository(aws, name, report)
            if not (existing or some or stopped):
                raise NotFound(f"There is no SageMaker deployment {name!r} in {aws.region}.")

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        aws = self._aws()
        with translated():
            return [state.describe(aws, each) for each in state.find_all(aws)]

    def get(self, name: str) -> Deployment:
        """See `DeployTarget.get`."""
        aws = self._aws()
        with translated():
            found = state.find(aws, name)
            job = None if found else transform.latest(aws, name)
            return job or state.describe(aws, found or state.need(aws, name))

    def predict(
        self,
        name: str,
        body: bytes,
        content_type: str,
        target_model: str | None = None,
        target_variant: str | None = None,
    ) -> Prediction:
        """At once, or through S3 where the endpoint is asynchronous."""
        aws = self._aws()
        with translated():
            endpoint = state.need(aws, name)
            if config := endpoint.described.get("AsyncInferenceConfig"):
                output = config["OutputConfig"]["S3OutputPath"]
                return invoke.ask_async(aws, name, output, body, content_type)
            return invoke.ask(
                aws,
                name,
                body,
                content_type,
                target_model=target_model,
                target_variant=target_variant,
            )

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`."""
        aws = self._aws()
        with translated():
            found = state.find(aws, name)
            job = None if found else transform.latest(aws, name)
            if job:
                lines = logs.last_lines(aws, transform.LOG_GROUP, tail or 10000,
                                        prefix=job.details["job"])  # fmt: skip
                yield from lines
                return
            state.need(aws, name)
            yield from logs.lines(aws, logs.group(name), tail, follow)

    def _open(self, request: DeployRequest) -> tuple[SagemakerOptions, Aws]:
        check_name(request.name)
        options = read(request.options)
        return options, self._aws(options)

    def _aws(self, options: SagemakerOptions | None = None) -> Aws:
        region = (options.region if options else None) or self._region
        profile = (options.profile if options else None) or self._profile
        if (region, profile) not in self._known:  # a client takes a while to make
            self._known[region, profile] = Aws(region, profile)
        return self._known[region, profile]

    def _for(self, options: SagemakerOptions) -> Patience:
        return replace(self._patience, total=options.timeout + options.shift_seconds)

    def _action(self, aws: Aws, found: Prepared) -> str:
        existing, wanted = found.existing, found.wanted
        if existing is None or existing.status == "Failed":
            return "create"
        same = existing.config_name == wanted.config()["EndpointConfigName"]
        if existing.status == "Creating" and same:
            return "create"  # goes on with it
        settled = same and existing.status == "InService"
        if settled and variants.shifted(wanted.options, existing) is None:
            scaled = wanted.replaces or scaling.is_so(aws, wanted.name, wanted.options)
            return "none" if scaled and not found.missing else "update"
        return "update"


def _steps(found: Prepared, request: DeployRequest, action: str) -> list[str]:
    wanted, options = found.wanted, found.wanted.options
    steps = [*_image_steps(found, request)]
    config = wanted.config()["EndpointConfigName"]
    if found.missing and found.existing and found.existing.config_name == config:
        return [*steps, "the endpoint stays as it is"]
    if found.existing and found.existing.status == "Failed":
        steps.append(f"remove the failed endpoint {wanted.name}")
    steps.append(f"make the model {wanted.model()['ModelName']}")
    steps.append(f"make the endpoint configuration {wanted.config()['EndpointConfigName']}")
    if action == "create":
        steps.append(f"make the endpoint {wanted.name} and wait until it answers")
    else:
        how = {
            "all-at-once": "all at once",
            "canary": f"{options.step} % first, the rest after {options.step_wait} s",
            "linear": f"{options.step} % every {options.step_wait} s",
        }[options.traffic]
        steps.append(f"update the endpoint {wanted.name}: new instances, requests move {how}")
        steps.append("if the new ones do not answer, AWS leaves the old ones in place")
    if options.mode == "canary":
        steps.append(f"give {variants.variant_name(options)} {options.share:.1%} of the requests")
    if options.max_instances is not None:
        steps.append("set the autoscaling policy")
    if action == "update":
        steps.append(f"keep {options.keep} former versions, remove older ones")
    return steps


def _image_steps(found: Prepared, request: DeployRequest) -> list[str]:
    wanted, source = found.wanted, found.source
    where = wanted.options.repository or f"mlpack/{wanted.name}"
    steps = []
    if source.reference is None:
        what = "build the image and push it" if isinstance(request.image, BuildSpec) else "push it"
        steps.append(f"{what} to ECR, repository {where}, unless it is there")
    if wanted.data_url:
        steps.append(f"upload the model to {wanted.data_url}, unless it is there")
    return steps


def _batch_plan(aws: Aws, found: Prepared, request: DeployRequest, notices: Sequence[str]) -> Plan:
    wanted = found.wanted
    options = wanted.options
    bodies: dict[str, Any] = {
        "CreateModel": shown(wanted.model()),
        "CreateTransformJob": transform.body(aws, wanted),
    }
    steps = [
        *notices,
        *_image_steps(found, request),
        f"make the model {wanted.model()['ModelName']}",
        f"score {options.batch_input} into {options.batch_output}, and wait",
    ]
    cost = f"{options.instance_count} × {options.instance_type}, until the job ends"
    return Plan("create", steps, {"requests": bodies}, [cost, *storage(wanted)])
