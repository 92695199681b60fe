"""SageMaker's control plane: what it refuses, the states things go through, and their errors.

What it says is taken from the service's own messages as people quote them in public issues.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Any

from .fleet import Died, Machine
from .shifting import check_shift
from .strict import Refused, invalid

ACCOUNT, REGION = "123456789012", "eu-central-1"
_PAGE = 2  # small, so that whoever does not turn pages is found out
_BUSY = ("Creating", "Updating", "RollingBack", "Deleting")


class Cloud:
    """One account and region.

    Attributes:
        quota: instances by type, 20 where nothing is said.
        ping_seconds: how long a container may take, whatever it asks for.
        alarms: CloudWatch alarms that go off during an update.
        slow: seconds that every change takes at least.
        go: while it is cleared no change ends, however long a test takes meanwhile.
        capacity: instance types of which AWS has none.
    """

    def __init__(
        self,
        run: Callable[..., Machine],
        role_is_good: Callable[[str], bool],
        image_exists: Callable[[str], bool],
        read_object: Callable[[str], bytes | None],
        write_object: Callable[[str, bytes], None],
        list_objects: Callable[[str], list[str]],
        write_log: Callable[[str, str, list[str]], None],
    ) -> None:
        self._run, self._role_is_good, self._image_exists = run, role_is_good, image_exists
        self._read, self._write, self._list = read_object, write_object, list_objects
        self._write_log = write_log
        self.lock = threading.RLock()
        self.things: dict[str, dict[str, dict[str, Any]]] = {
            "model": {}, "endpoint-config": {}, "endpoint": {}, "transform-job": {}
        }  # fmt: skip
        self.tags: dict[str, dict[str, str]] = {}
        self.fleets: dict[str, dict[str, Machine]] = {}
        self.quota: dict[str, int] = {}
        self.capacity: set[str] = set()
        self.alarms: set[str] = set()
        self.ping_seconds = 60.0
        self.slow = 0.0
        self.go = threading.Event()
        self.go.set()
        self.invoked: list[str] = []

    # models

    def create_model(self, body: dict[str, Any]) -> dict[str, Any]:
        container = body["PrimaryContainer"]
        self._check_role(body["ExecutionRoleArn"])
        if not self._image_exists(container["Image"]):
            raise invalid(f"Requested image {container['Image']} not found.")
        url = container.get("ModelDataUrl")
        if url and container.get("Mode") == "SingleModel" and self._read(url) is None:
            raise invalid(f"Could not find model data at {url}.")
        return {"ModelArn": self._make("model", body["ModelName"], body)}

    def describe_model(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._need("model", body["ModelName"])

    def list_models(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._page("model", "ModelName", "Models", body)

    def delete_model(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._drop("model", body["ModelName"])

    # endpoint configurations

    def create_endpoint_config(self, body: dict[str, Any]) -> dict[str, Any]:
        for variant in body["ProductionVariants"]:
            self._need("model", variant["ModelName"])
            if bool(variant.get("ServerlessConfig")) == bool(variant.get("InstanceType")):
                raise invalid("Specify exactly one of InstanceType and ServerlessConfig")
        names = [each["VariantName"] for each in body["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise invalid("Variant names must be unique")
        arn = self._make("endpoint-config", body["EndpointConfigName"], body)
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._need("endpoint-config", body["EndpointConfigName"])

    def list_endpoint_configs(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._page("endpoint-config", "EndpointConfigName", "EndpointConfigs", body)

    def delete_endpoint_config(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["EndpointConfigName"]
        for each in self.things["endpoint"].values():
            used = name in (each["EndpointConfigName"], self._pending(each))
            if used and each["EndpointStatus"] != "Deleting":
                raise invalid(f"Cannot delete endpoint configuration {name} in use")
        return self._drop("endpoint-config", name)

    # endpoints

    def create_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["EndpointName"]
        config = self._need("endpoint-config", body["EndpointConfigName"])
        self._check_quota(name, config)
        arn = self._make("endpoint", name, {**body, "EndpointStatus": "Creating"})
        self._start(self._become, name, config, "create", None)
        return {"EndpointArn": arn}

    def describe_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._need("endpoint", body["EndpointName"])

    def list_endpoints(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._page("endpoint", "EndpointName", "Endpoints", body)

    def update_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._need("endpoint", body["EndpointName"])
        config = self._need("endpoint-config", body["EndpointConfigName"])
        if found["EndpointStatus"] in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{found["EndpointArn"]}".')
        if found["EndpointStatus"] == "Failed":
            raise invalid("Cannot update failed endpoint")
        if found["EndpointConfigName"] == body["EndpointConfigName"]:
            raise invalid("The endpoint has this configuration already")
        self._check_quota(body["EndpointName"], config)
        check_shift(body, self._need("endpoint-config", found["EndpointConfigName"]), config)
        stages = [{"Status": "Creating", "StatusMessage": "Creating"}]
        waiting = [{"VariantName": each["VariantName"], "VariantStatus": stages}
                   for each in config["ProductionVariants"]]  # fmt: skip
        pending = {"EndpointConfigName": body["EndpointConfigName"], "ProductionVariants": waiting}
        found |= {"EndpointStatus": "Updating", "PendingDeploymentSummary": pending}
        self._start(self._become, body["EndpointName"], config, "update", body)
        return {"EndpointArn": found["EndpointArn"]}

    def update_endpoint_weights_and_capacities(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._need("endpoint", body["EndpointName"])
        if found["EndpointStatus"] != "InService":
            raise invalid(f'Cannot update in-progress endpoint "{found["EndpointArn"]}".')
        variants = {each["VariantName"]: each for each in found["ProductionVariants"]}
        for each in body["DesiredWeightsAndCapacities"]:
            if each["VariantName"] not in variants:
                raise invalid(f"Variant {each['VariantName']} not found")
            if "DesiredWeight" in each:
                variants[each["VariantName"]]["CurrentWeight"] = each["DesiredWeight"]
        return {"EndpointArn": found["EndpointArn"]}

    def delete_endpoint(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._need("endpoint", body["EndpointName"])
        if found["EndpointStatus"] in _BUSY:
            raise invalid(f"Cannot delete endpoint in status {found['EndpointStatus']}")
        found["EndpointStatus"] = "Deleting"
        self._start(self._vanish, body["EndpointName"])
        return {}

    # tags

    def add_tags(self, body: dict[str, Any]) -> dict[str, Any]:
        tags = self._tags(body["ResourceArn"])
        tags |= {each["Key"]: each["Value"] for each in body["Tags"]}
        return {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}

    def list_tags(self, body: dict[str, Any]) -> dict[str, Any]:
        tags = [{"Key": k, "Value": v} for k, v in self._tags(body["ResourceArn"]).items()]
        return self._cut("Tags", tags, body)

    # batch

    def create_transform_job(self, body: dict[str, Any]) -> dict[str, Any]:
        model = self._need("model", body["ModelName"])
        made = {**body, "TransformJobStatus": "InProgress"}
        arn = self._make("transform-job", body["TransformJobName"], made)
        self._start(self._transform, body["TransformJobName"], model)
        return {"TransformJobArn": arn}

    def describe_transform_job(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._need("transform-job", body["TransformJobName"])

    def list_transform_jobs(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._page("transform-job", "TransformJobName", "TransformJobSummaries", body)

    def stop_transform_job(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._need("transform-job", body["TransformJobName"])
        if found["TransformJobStatus"] != "InProgress":
            raise invalid(f"The job is in status {found['TransformJobStatus']}; cannot stop it.")
        found["TransformJobStatus"] = "Stopping"
        return {}

    # asking

    def fleet_for(self, name: str, variant: str | None) -> tuple[str, Machine]:
        """Whom a request goes to: by weight, always the heaviest for tests to know."""
        with self.lock:
            found = self.things["endpoint"].get(name)
            if not found or name not in self.fleets:
                raise Refused("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
            weights = {e["VariantName"]: e["CurrentWeight"] for e in found["ProductionVariants"]}
            chosen = variant or max(weights, key=lambda each: weights[each])
            if chosen not in self.fleets[name]:
                raise Refused("ValidationError", f"Variant {chosen} not found")
            self.invoked.append(chosen)
            return chosen, self.fleets[name][chosen]

    def target(self, name: str, variant: str, model: str) -> bytes | None:
        """The archive of one of an endpoint's many models."""
        config = self.things["endpoint"][name]["EndpointConfigName"]
        (chosen,) = [
            each
            for each in self.things["endpoint-config"][config]["ProductionVariants"]
            if each["VariantName"] == variant
        ]
        container = self.things["model"][chosen["ModelName"]]["PrimaryContainer"]
        if container.get("Mode") != "MultiModel":
            raise Refused("ValidationError", f"Endpoint {name} is not a multi-model endpoint")
        return self._read(container["ModelDataUrl"] + model)

    # what goes on behind

    def _take_time(self) -> None:
        time.sleep(self.slow)
        self.go.wait(300)

    def _become(
        self, name: str, config: dict[str, Any], how: str, asked: dict[str, Any] | None
    ) -> None:
        self._take_time()
        made: dict[str, Machine] = {}
        failure = ""
        try:
            for variant in config["ProductionVariants"]:
                if variant.get("InstanceType") in self.capacity:
                    raise Died("InsufficientInstanceCapacity: Unable to provision requested ML "
                               "compute capacity.")  # fmt: skip
                container = self._launch(variant["ModelName"])
                made[variant["VariantName"]] = container
                limit = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", 60)
                container.wait(min(limit, self.ping_seconds), variant["VariantName"])
        except Died as error:
            failure = str(error)
        for variant, container in made.items():
            self._write_log(f"/aws/sagemaker/Endpoints/{name}", f"{variant}/i-{id(container)}",
                            container.log())  # fmt: skip
        rollback = (asked or {}).get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
        if {each["AlarmName"] for each in rollback.get("Alarms", ())} & self.alarms:
            with self.lock:
                self.things["endpoint"][name]["EndpointStatus"] = "RollingBack"
            time.sleep(0.2)
            failure = failure or "One or more configured alarms are in ALARM state."
        with self.lock:
            found = self.things["endpoint"][name]
            found.pop("PendingDeploymentSummary", None)
            if failure:
                found["FailureReason"] = failure
                found["EndpointStatus"] = "Failed" if how == "create" else "InService"
                replaced = made
            else:
                replaced = self.fleets.get(name, {})
                self.fleets[name] = made
                found.pop("FailureReason", None)
                found["ProductionVariants"] = self._variants(config, found, asked or {})
                found |= {"EndpointConfigName": config["EndpointConfigName"]}
                found["EndpointStatus"] = "InService"
                for key in ("AsyncInferenceConfig", "DataCaptureConfig"):
                    found.pop(key, None)
                    if key in config:
                        found[key] = config[key]
        for container in replaced.values():
            container.stop()

    def _variants(
        self, config: dict[str, Any], before: dict[str, Any], asked: dict[str, Any]
    ) -> list[dict[str, Any]]:
        then = {each["VariantName"]: each for each in before.get("ProductionVariants", ())}
        excluded = [e["VariantPropertyType"]
                    for e in asked.get("ExcludeRetainedVariantProperties", ())]  # fmt: skip
        made = []
        for each in config["ProductionVariants"]:
            now = {
                "VariantName": each["VariantName"],
                "CurrentWeight": each.get("InitialVariantWeight", 1.0),
                "CurrentInstanceCount": each.get("InitialInstanceCount", 0),
            }
            old = then.get(each["VariantName"])
            if asked.get("RetainAllVariantProperties") and old:
                if "DesiredWeight" not in excluded:
                    now["CurrentWeight"] = old["CurrentWeight"]
                if "DesiredInstanceCount" not in excluded:
                    now["CurrentInstanceCount"] = old["CurrentInstanceCount"]
            made.append(now)
        return made

    def _vanish(self, name: str) -> None:
        self._take_time()
        for container in self.fleets.pop(name, {}).values():
            container.stop()
        with self.lock:
            found = self.things["endpoint"].pop(name)
            self.tags.pop(found["EndpointArn"], None)

    def _launch(self, model: str) -> Machine:
        container = self.things["model"][model]["PrimaryContainer"]
        single = container.get("Mode") == "SingleModel" and container.get("ModelDataUrl")
        data = self._read(container["ModelDataUrl"]) if single else None
        environment = dict(container.get("Environment", {}))
        if container.get("Mode") == "MultiModel":
            environment["SAGEMAKER_MULTI_MODEL"] = "true"
        return self._run(container["Image"], environment, data)

    def _transform(self, job: str, model: dict[str, Any]) -> None:
        found = self.things["transform-job"][job]
        reason, log = "", []
        self._take_time()
        with self.lock:
            if found["TransformJobStatus"] == "Stopping":
                found["TransformJobStatus"] = "Stopped"
                return
        try:
            container = self._launch(model["ModelName"])
            try:
                container.wait(self.ping_seconds, "batch")
                for key in self._list(
                    found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
                ):
                    headers = {"Content-Type": found["TransformInput"]["ContentType"]}
                    headers["Accept"] = found["TransformOutput"].get("Accept", "*/*")
                    status, body, _ = container.request(
                        "POST", "/invocations", self._read(key) or b"", headers
                    )
                    if status != 200:
                        reason = "AlgorithmError: See job logs for more information"
                        break
                    output = found["TransformOutput"]["S3OutputPath"].rstrip("/")
                    self._write(f"{output}/{key.rpartition('/')[2]}.out", body)
            finally:
                log = container.log()
                container.stop()
        except Died as error:
            reason = str(error)
        self._write_log("/aws/sagemaker/TransformJobs", f"{job}/i-1", log)
        with self.lock:
            if reason:
                found["FailureReason"] = reason
            stopped = found["TransformJobStatus"] == "Stopping"
            ended = "Failed" if reason else "Completed"
            found["TransformJobStatus"] = "Stopped" if stopped else ended

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _make(self, kind: str, name: str, body: dict[str, Any]) -> str:
        if name in self.things[kind]:
            word = kind.replace("-config", " configuration")
            raise invalid(f'Cannot create already existing {word} "{self._arn(kind, name)}".')
        arn = self._arn(kind, name)
        key = "".join(part.capitalize() for part in kind.split("-")) + "Arn"
        self.things[kind][name] = {
            **copy.deepcopy({k: v for k, v in body.items() if k != "Tags"}),
            key: arn,
            "CreationTime": time.time(),
            "LastModifiedTime": time.time(),
        }
        self.tags[arn] = {each["Key"]: each["Value"] for each in body.get("Tags", ())}
        return arn

    def _need(self, kind: str, name: str) -> dict[str, Any]:
        if name not in self.things[kind]:
            word = kind.replace("-config", " configuration")
            raise invalid(f'Could not find {word} "{self._arn(kind, name)}".')
        return self.things[kind][name]

    def _drop(self, kind: str, name: str) -> dict[str, Any]:
        self._need(kind, name)
        del self.things[kind][name]
        self.tags.pop(self._arn(kind, name), None)
        return {}

    def _page(self, kind: str, key: str, listed: str, body: dict[str, Any]) -> dict[str, Any]:
        contains = body.get("NameContains", "")
        status = body.get("StatusEquals")
        found = [each for name, each in self.things[kind].items() if contains in name
                 and status in (None, each.get("TransformJobStatus"))]  # fmt: skip
        if body.get("SortOrder", "Descending") == "Descending":
            found.reverse()
        return self._cut(listed, found, body)

    def _cut(self, listed: str, found: list[Any], body: dict[str, Any]) -> dict[str, Any]:
        start = int(body.get("NextToken", 0))
        page = {listed: found[start : start + _PAGE]}
        if start + _PAGE < len(found):
            page["NextToken"] = str(start + _PAGE)  # type: ignore[assignment]
        return page

    def _tags(self, arn: str) -> dict[str, str]:
        if arn not in self.tags:
            raise invalid(f"Could not find {arn}")
        return self.tags[arn]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"

    def _pending(self, endpoint: dict[str, Any]) -> str | None:
        return (endpoint.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")

    def _check_role(self, arn: str) -> None:
        if not self._role_is_good(arn):
            raise invalid(
                f"Could not assume role {arn}. Please ensure that the role exists and allows "
                'principal "sagemaker.amazonaws.com" to assume the role.'
            )

    def _check_quota(self, name: str, config: dict[str, Any]) -> None:
        for variant in config["ProductionVariants"]:
            kind, asked = variant.get("InstanceType"), variant.get("InitialInstanceCount", 0)
            limit = self.quota.get(kind, 20)
            if asked > limit:
                raise Refused(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{kind} for endpoint usage' is {limit} "
                    f"Instances, with current utilization of 0 Instances and a request delta of "
                    f"{asked} Instances. Please use AWS Service Quotas to request an increase for "
                    "this quota.",
                )
