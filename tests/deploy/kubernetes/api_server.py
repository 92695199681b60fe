"""An API server of our own, as strict as the real one about what the targets send.

Every object is checked against the published schemas (kubernetes-validate; KServe's by its own
models, in another environment), server-side apply merges by who manages what (`merging`), dry runs
keep nothing, defaults are filled in, selectors must match their templates and never change, what
has finalizers lingers. What runs is the affair of a `Runtime`.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate

from mlpack.tests.deploy.kubernetes import merging

TOKEN, VIEWER = "token-of-a-user", "token-of-a-viewer"
VERSION = "1.33"
PLURALS = {
    "deployments": ("apps/v1", "Deployment"),
    "replicasets": ("apps/v1", "ReplicaSet"),
    "services": ("v1", "Service"),
    "pods": ("v1", "Pod"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudget"),
    "ingresses": ("networking.k8s.io/v1", "Ingress"),
    "inferenceservices": ("serving.kserve.io/v1beta1", "InferenceService"),
}
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))/namespaces/(?P<space>[^/]+)"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?P<rest>/.*)?"
)
_LABEL_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
Key = tuple[str, str]


class Refused(Exception):
    """An answer of the API server that is no success."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason


class ApiServer:
    """The objects of some namespaces, over HTTP.

    Args:
        check_inference_service: says what is wrong with one, '' if nothing; None: KServe is not
            installed in this cluster.
        namespaces: that there are.
    """

    def __init__(
        self,
        check_inference_service: Callable[[dict[str, Any]], str] | None = None,
        namespaces: tuple[str, ...] = ("default", "models"),
    ) -> None:
        self.lock = threading.RLock()
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.owners: dict[str, merging.Owners] = {}  # by the uid of an object
        self.namespaces = namespaces
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Callable[[str, str], None]] = []
        self.on_change: Callable[[dict[str, Any]], None] = lambda _: None
        self.on_delete: Callable[[dict[str, Any]], None] = lambda _: None
        self.forward: Callable[..., Any] = lambda *_: Refused(503, "no endpoints available")
        self.log: Callable[..., Any] = lambda *_: []
        self._check_inference_service = check_inference_service
        self._version = 0
        self._ending: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settle(self) -> None:
        """Return when what was deleted has ended, with its pods."""
        for each in self._ending:
            each.join(60)

    def close(self) -> None:
        self.settle()
        self._server.shutdown()
        self._server.server_close()

    # --- objects, also for a runtime ------------------------------------------------------------

    def of_kind(self, kind: str, space: str, labels: dict[str, str] | None = None) -> list[Any]:
        with self.lock:
            return [
                each
                for (k, s, _), each in sorted(self.objects.items())
                if (k, s) == (kind, space) and _has(each, labels or {})
            ]

    def find(self, kind: str, space: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((kind, space, name))

    def put(self, found: dict[str, Any]) -> dict[str, Any]:
        """Store without any checks, as the cluster's own controllers do."""
        with self.lock:
            about = found["metadata"]
            key = (found["kind"], about["namespace"], about["name"])
            self._version += 1
            about.setdefault("uid", str(uuid.uuid4()))
            about.setdefault("creationTimestamp", datetime.now(UTC).isoformat())
            about["resourceVersion"] = str(self._version)
            self.objects[key] = found
            return found

    def remove(self, found: dict[str, Any]) -> None:
        with self.lock:
            about = found["metadata"]
            self.objects.pop((found["kind"], about["namespace"], about["name"]), None)

    # --- requests -------------------------------------------------------------------------------

    def _answer(self, method: str, url: str, headers: Any, body: bytes) -> Any:
        parts = urlsplit(url)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        for fault in list(self.faults):
            fault(method, parts.path)
        self._authorize(method, headers.get("Authorization", ""), parts.path)
        match = _PATH.fullmatch(parts.path)
        if match is None or match["plural"] not in PLURALS:
            raise Refused(404, "the server could not find the requested resource", "NotFound")
        space, plural, name, rest = match["space"], match["plural"], match["name"], match["rest"]
        version, kind = PLURALS[plural]
        if version != (match["core"] or match["group"]) or (
            kind == "InferenceService" and self._check_inference_service is None
        ):
            raise Refused(404, "the server could not find the requested resource", "NotFound")
        if space not in self.namespaces:
            raise Refused(404, f'namespaces "{space}" not found', "NotFound")
        if plural == "services" and rest and rest.startswith("/proxy"):
            scheme, service, port = name.split(":")
            assert scheme == "http"
            return self.forward(
                space, service, int(port), rest[6:], body, headers.get("Content-Type")
            )
        if plural == "pods" and rest == "/log":
            self._need(kind, plural, space, name)
            return self.log(space, name, query)
        if rest:
            raise Refused(404, "the server could not find the requested resource", "NotFound")
        if method == "GET" and name is None:
            return {"kind": f"{kind}List", "items": self._list(kind, space, query)}
        if method == "GET":
            return self._need(kind, plural, space, name)
        if method == "DELETE":
            return self._delete(kind, plural, space, name, json.loads(body or b"{}"))
        if method == "PATCH":
            return self._patch(kind, plural, space, name, query, headers, body)
        raise Refused(405, f"the server does not allow {method} here")

    def _authorize(self, method: str, authorization: str, path: str) -> None:
        if authorization not in (f"Bearer {TOKEN}", f"Bearer {VIEWER}"):
            raise Refused(401, "Unauthorized", "Unauthorized")
        if authorization == f"Bearer {VIEWER}" and method != "GET":
            raise Refused(403, f'User "viewer" cannot {method.lower()} {path}', "Forbidden")

    def _list(self, kind: str, space: str, query: dict[str, str]) -> list[Any]:
        chosen = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
        return self.of_kind(kind, space, chosen)

    def _need(self, kind: str, plural: str, space: str, name: str) -> dict[str, Any]:
        found = self.find(kind, space, name)
        if found is None:
            raise Refused(404, f'{plural} "{name}" not found', "NotFound")
        return found

    def _delete(
        self, kind: str, plural: str, space: str, name: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        with self.lock:
            found = self._need(kind, plural, space, name)
            about = found["metadata"]
            uid = (options.get("preconditions") or {}).get("uid", about["uid"])
            if uid != about["uid"]:
                raise Refused(
                    409, f"the UID in the precondition ({uid}) does not match", "Conflict"
                )
            waits = options.get("propagationPolicy") == "Foreground" or about.get("finalizers")
            if waits and about.get("deletionTimestamp"):
                return found
            if waits:
                about["deletionTimestamp"] = datetime.now(UTC).isoformat()
                about.setdefault("finalizers", ["foregroundDeletion"])
            else:
                self.remove(found)
        self._ending.append(threading.Thread(target=self._end, args=(found, waits), daemon=True))
        self._ending[-1].start()
        return found if waits else {"kind": "Status", "status": "Success"}

    def _end(self, found: dict[str, Any], waits: Any) -> None:
        """What belongs to it goes in its own time; with finalizers, it itself goes then."""
        self.on_delete(found)
        if waits:
            self.remove(found)

    def update(self, kind: str, space: str, name: str, manager: str, spec: dict[str, Any]) -> None:
        """What others change, as kubectl edit or an autoscaler does."""
        with self.lock:
            found = self.objects[kind, space, name]
            before = json.loads(json.dumps(found))
            found["spec"] |= spec
            found["metadata"]["generation"] += 1
            owners = self.owners.setdefault(found["metadata"]["uid"], {})
            merging.changed(before, found, owners, manager)
            self.put(found)

    def _patch(
        self, kind: str, plural: str, space: str, name: str, query: dict[str, str],
        headers: Any, body: bytes,
    ) -> dict[str, Any]:  # fmt: skip
        way, sent = headers.get("Content-Type", ""), json.loads(body)
        if way != "application/apply-patch+yaml":
            raise Refused(415, f"the body of the request was in an unknown format: {way}")
        if not query.get("fieldManager"):
            raise Refused(400, "fieldManager is required for apply patch", "BadRequest")
        with self.lock:
            existing = self.find(kind, space, name)
            uid = (existing or {"metadata": {"uid": str(uuid.uuid4())}})["metadata"]["uid"]
            owners = {who: set(paths) for who, paths in self.owners.get(uid, {}).items()}
            made = self._applied(kind, space, name, sent, existing, query, owners)
            self._check(kind, made)
            _fill_in(kind, made)
            changed = existing is None or existing["spec"] != made["spec"]
            about = made["metadata"]
            about["uid"] = uid
            if kind not in ("Service", "HorizontalPodAutoscaler"):  # these count no generations
                about["generation"] = about.get("generation", 0) + changed
            about["managedFields"] = merging.managed_fields(owners)
            if query.get("dryRun") == "All":
                return made
            if existing is not None:  # the runtime holds on to it
                existing.clear()
                existing.update(made)
                made = existing
            self.owners[uid] = owners
            self.put(made)
        if changed:
            self.on_change(made)
        return made

    def _applied(
        self, kind: str, space: str, name: str, sent: dict[str, Any],
        existing: dict[str, Any] | None, query: dict[str, str], owners: merging.Owners,
    ) -> dict[str, Any]:  # fmt: skip
        about = sent["metadata"]
        if about.get("name") != name:
            raise Refused(400, f"the name of the object does not match the URL ({name})")
        if about.get("namespace", space) != space:
            raise Refused(400, "the namespace of the object does not match the URL")
        if about.get("managedFields"):
            raise Refused(400, "metadata.managedFields must be nil", "BadRequest")
        if about.get("uid") and (existing is None or about["uid"] != existing["metadata"]["uid"]):
            raise Refused(409, "the object has been modified: uid mismatch", "Conflict")
        expected, now = about.get("resourceVersion"), (existing or {}).get("metadata", {})
        if expected and expected != now.get("resourceVersion"):
            raise Refused(
                409, "the object has been modified; please apply your changes", "Conflict"
            )
        force = query.get("force", "").lower() == "true"
        try:
            made = merging.apply(existing, sent, owners, query["fieldManager"], force)
        except merging.Conflicts as error:
            raise Refused(409, str(error), "Conflict") from None
        made["metadata"]["namespace"] = space
        if existing and kind == "Deployment":
            old, new = (each["spec"]["selector"] for each in (existing, made))
            if old != new:
                raise Refused(422, f'{kind} "{name}" is invalid: spec.selector: field is immutable')
        return dict(made)

    def _check(self, kind: str, made: dict[str, Any]) -> None:
        """What the real one refuses with 422."""
        plain = {key: value for key, value in made.items() if key != "status"}
        if kind == "InferenceService":
            assert self._check_inference_service is not None
            wrong = self._check_inference_service(plain)
        else:
            try:
                kubernetes_validate.validate(plain, VERSION, strict=True)
                wrong = ""
            except kubernetes_validate.ValidationError as error:
                wrong = f"{'.'.join(map(str, error.path))}: {error.message}"
        name = made["metadata"]["name"]
        if not _LABEL_NAME.fullmatch(name):
            wrong = wrong or f'metadata.name: Invalid value: "{name}"'
        if kind == "Deployment":
            chosen = made["spec"]["selector"]["matchLabels"]
            labels = made["spec"]["template"]["metadata"]["labels"]
            if not chosen.items() <= labels.items():
                wrong = wrong or "spec.template.metadata.labels: `selector` does not match"
            ports = {
                port.get("name")
                for each in made["spec"]["template"]["spec"]["containers"]
                for port in each.get("ports", ())
            }
            if "quota" in labels.get("team", ""):
                raise Refused(403, "exceeded quota: compute, requested: requests.cpu=4")
            assert ports
        if wrong:
            raise Refused(422, f'{kind} "{name}" is invalid: {wrong}', "Invalid")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((self.command, self.path))
                try:
                    found = server._answer(self.command, self.path, self.headers, body)
                except Refused as error:
                    self.send(error.status, _status(error))
                    return
                except ConnectionError:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                if isinstance(found, Refused):
                    self.send(found.status, _status(found))
                elif isinstance(found, dict):
                    with server.lock:
                        text = json.dumps(found)
                    self.send(200, text.encode())
                elif isinstance(found, tuple):
                    self.send(*found)
                else:
                    self.stream(found)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any

            def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def stream(self, lines: Any) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for line in lines:
                    data = line if isinstance(line, bytes) else f"{line}\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: Any) -> None: ...

        return Handler


def _fill_in(kind: str, made: dict[str, Any]) -> None:
    """Some of the defaults of the real one."""
    spec = made["spec"]
    if kind == "Service":
        spec.setdefault("clusterIP", "10.0.0.7")
        spec.setdefault("sessionAffinity", "None")
    if kind == "Deployment":
        spec.setdefault("replicas", 1)
        pod = spec["template"]["spec"]
        for key, value in (("restartPolicy", "Always"), ("dnsPolicy", "ClusterFirst")):
            pod.setdefault(key, value)
        for each in pod["containers"]:
            each.setdefault("imagePullPolicy", "IfNotPresent")
            each.setdefault("terminationMessagePath", "/dev/termination-log")


def _status(error: Refused) -> bytes:
    found = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": error.status}
    return json.dumps({**found, "message": error.message, "reason": error.reason}).encode()


def _has(found: dict[str, Any], labels: dict[str, str]) -> bool:
    return labels.items() <= (found["metadata"].get("labels") or {}).items()
