"""The one address of all of AWS: SageMaker and ECR of our own, the rest is moto's.

Every call is noted with its IAM action, and may be refused or broken off as a test wants.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import make_server

from .cloud import Cloud
from .ecr import Ecr
from .rights import allowed, needed
from .strict import Refused, validate, validate_member

_INVOKE = re.compile(r"/endpoints/([^/]+)/(async-)?invocations")
_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
_S3_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject",
               "DELETE": "DeleteObject"}  # fmt: skip
INSIDE = "EMULATOR"  # access key of the emulator's own calls


@dataclass
class Fault:
    """What becomes of the next calls of an action.

    Attributes:
        action: ``sagemaker:CreateModel``; a regular expression.
        kind: ``throttle``, ``expired``, ``denied``, ``drop`` (before it is done) or ``lose`` (its
            answer).
        count: how many.
    """

    action: str
    kind: str
    count: int = 1


@dataclass
class Front:
    """The server.

    Attributes:
        address: for AWS_ENDPOINT_URL.
        calls: IAM actions, in order.
        bodies: of calls to SageMaker, by operation.
        faults: to come.
        policy: statements of IAM that the user has; None: may do all.
        denied: what the policy did not allow.
    """

    cloud: Cloud
    ecr: Ecr
    moto: Callable[..., Any]
    address: str = ""
    calls: list[str] = field(default_factory=list)
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    policy: list[dict[str, Any]] | None = None
    denied: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", _auth(environ))
        key, service = (signed[1], signed[2]) if signed else ("", "s3")
        service, operation = _operation(environ, service, body)
        action = f"{service}:{operation}"
        if key == INSIDE:
            return self.moto(environ, start)
        self.calls.append(action)
        fault = self._fault(action)
        if self.policy is not None:
            for each, resource in needed(action, environ["PATH_INFO"], body):
                if not allowed(self.policy, each, resource):
                    self.denied.append(f"{each} {resource}")
                    fault = "denied"
        if fault == "drop":
            return _hang_up(environ, start)
        if fault in ("throttle", "expired", "denied"):
            return _fault(fault, service, start)
        answer = self._answer(environ, start, service, operation, body)
        if fault == "lose":
            return _hang_up(environ, start)
        return answer

    def _fault(self, action: str) -> str | None:
        for each in self.faults:
            if re.fullmatch(each.action, action) and each.count:
                each.count -= 1
                return each.kind
        return None

    def _answer(
        self, environ: dict[str, Any], start: Any, service: str, operation: str, body: bytes
    ) -> Any:
        if service not in ("sagemaker", "ecr"):
            return self.moto(environ, start)
        try:
            if operation in ("InvokeEndpoint", "InvokeEndpointAsync"):
                return self._invoke(environ, start, operation, body)
            asked = json.loads(body)
            validate(service, operation, asked)
            if service == "sagemaker":
                self.bodies.append((operation, asked))
            where = self.cloud if service == "sagemaker" else self.ecr
            method = getattr(where, _SNAKE.sub("_", operation).lower())
            with self.cloud.lock:
                found = json.dumps(method(asked)).encode()
            return _reply(start, 200, found)
        except Refused as error:
            return _refuse(start, error)

    def _invoke(self, environ: dict[str, Any], start: Any, operation: str, body: bytes) -> Any:
        name = urllib.parse.unquote(_INVOKE.fullmatch(environ["PATH_INFO"])[1])  # type: ignore[index]
        validate_member("sagemaker-runtime", operation, "EndpointName", name)
        target = environ.get("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT")
        headers = {"Content-Type": environ.get("CONTENT_TYPE", "")}
        found = self.cloud.things["endpoint"].get(name, {})
        config = self.cloud.things["endpoint-config"].get(found.get("EndpointConfigName"), {})
        asynchronous = config.get("AsyncInferenceConfig")
        if bool(asynchronous) != (operation == "InvokeEndpointAsync"):
            raise Refused("ValidationError", f"Endpoint {name} is not invoked so")
        variant, container = self.cloud.fleet_for(name, target)
        model = environ.get("HTTP_X_AMZN_SAGEMAKER_TARGET_MODEL")
        if asynchronous:
            where = environ["HTTP_X_AMZN_SAGEMAKER_INPUTLOCATION"]
            output = (
                asynchronous["OutputConfig"]["S3OutputPath"].rstrip("/")
                + f"/{secrets.token_hex(8)}.out"
            )
            failed = asynchronous["OutputConfig"].get("S3FailurePath", "").rstrip("/")
            failure = f"{failed}/{secrets.token_hex(8)}.out" if failed else ""
            threading.Thread(
                target=self._answer_later, args=(container, where, headers, output, failure),
                daemon=True,
            ).start()  # fmt: skip
            extra = {"X-Amzn-SageMaker-OutputLocation": output}
            if failure:
                extra["X-Amzn-SageMaker-FailureLocation"] = failure
            return _reply(start, 202, b'{"InferenceId": "1"}', headers=extra)
        if model:
            data = self.cloud.target(name, variant, model)
            status, answer, kind = container.invoke_model(model, data, body, headers)
        else:
            status, answer, kind = container.request("POST", "/invocations", body, headers)
        if status != 200:
            told = {
                "ErrorCode": "CLIENT_ERROR",
                "LogStreamArn": "arn:aws:logs:eu-central-1:1:log-group:x",
                "Message": f"Received error ({status}) from {variant}",
                "OriginalMessage": answer.decode(errors="replace"),
                "OriginalStatusCode": status,
            }
            extra = {"x-amzn-ErrorType": "ModelError"}
            return _reply(start, 424, json.dumps(told).encode(), headers=extra)
        extra = {"x-Amzn-Invoked-Production-Variant": variant}
        return _reply(start, 200, answer, kind, extra)

    def _answer_later(
        self, container: Any, where: str, headers: dict[str, str], output: str, failure: str
    ) -> None:
        body = self.cloud._read(where) or b""
        status, answer, _ = container.request("POST", "/invocations", body, headers)
        self.cloud._write(output if status == 200 else failure, answer)


@contextmanager
def listening(front: Front) -> Iterator[Front]:
    """Serve it on a free port."""
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=_quiet())
    front.address = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()


def _quiet() -> Any:
    from werkzeug.serving import WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    return Quiet


def _auth(environ: dict[str, Any]) -> str:
    return str(environ.get("HTTP_AUTHORIZATION", ""))


def _operation(environ: dict[str, Any], service: str, body: bytes) -> tuple[str, str]:
    """IAM's names of what is asked for."""
    if found := _INVOKE.fullmatch(environ["PATH_INFO"]):
        return "sagemaker", "InvokeEndpointAsync" if found[2] else "InvokeEndpoint"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return service, target.rpartition(".")[2]
    if service in ("iam", "sts"):
        return service, urllib.parse.parse_qs(body.decode())["Action"][0]
    parts = environ["PATH_INFO"].strip("/").split("/")
    if len(parts) == 1:
        return "s3", "ListBucket"
    return "s3", _S3_ACTIONS[environ["REQUEST_METHOD"]]


def _fault(kind: str, service: str, start: Any) -> Any:
    code, text = {
        "throttle": ("ThrottlingException", "Rate exceeded"),
        "expired": (
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        "denied": ("AccessDeniedException", f"User is not authorized to perform {service}"),
    }[kind]
    if service in ("iam", "sts", "s3"):
        code = {"AccessDeniedException": "AccessDenied"}.get(code, code)
        error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
        wrapped = f"<ErrorResponse>{error}</ErrorResponse>" if service != "s3" else error
        return _reply(start, 403, wrapped.encode(), "text/xml")
    return _refuse(start, Refused(code, text))


def _refuse(start: Any, error: Refused) -> Any:
    body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
    return _reply(start, error.status, body.encode(), headers={"x-amzn-ErrorType": error.code})


def _reply(
    start: Any,
    status: int,
    body: bytes,
    kind: str = "application/x-amz-json-1.1",
    headers: dict[str, str] | None = None,
) -> Any:
    told = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
    start(f"{status} -", list(told.items()))
    return [body]


def _hang_up(environ: dict[str, Any], start: Any) -> Any:
    with suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return _reply(start, 500, b"")
