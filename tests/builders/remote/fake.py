"""A registry in memory that can what Debian's cannot: uploads that go on, and referrers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs, urlsplit

from mlpack.builders.oci.spec import OCI_INDEX, sha256
from mlpack.tests.builders.remote.servers import Answer, Asked


@dataclass
class FakeRegistry:
    """Pass `answer` to `serving`.

    Attributes:
        blobs: by digest.
        manifests: by tag and digest: media type and content.
        keeps: how many bytes of each PATCH arrive before the connection breaks; used up one by
            one, then all arrive.
        referrers: whether it keeps lists of referrers.
        page: how many referrers it lists at a time.
        most: bytes that one request may carry.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    keeps: list[int] = field(default_factory=list)
    referrers: bool = False
    page: int = 100
    most: int = 1 << 40
    _numbers: Iterator[int] = field(default_factory=count)

    def answer(self, asked: Asked) -> Answer:
        """As the specification has it."""
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v2/":
            return Answer()
        match = re.fullmatch(r"/v2/(.+)/(blobs|manifests|referrers)/(.*)", parts.path)
        assert match, asked.path
        repository, kind, name = match.groups()
        if kind == "referrers":
            return self._list(repository, name, query)
        if kind == "manifests":
            return self._manifest(asked, name)
        if name.startswith("uploads/"):
            return self._upload(asked, repository, name.removeprefix("uploads/"), query)
        content = self.blobs.get(name)
        return Answer(404) if content is None else Answer(200, {}, content)

    def _upload(self, asked: Asked, repository: str, name: str, query: dict[str, str]) -> Answer:
        if asked.method == "POST":
            name = f"upload-{next(self._numbers)}"  # several begin at once, and some have ended
            self.uploads[name] = bytearray()
        if name not in self.uploads:
            return Answer(404)
        held, place = self.uploads[name], {"Location": f"/v2/{repository}/blobs/uploads/{name}"}
        if len(asked.body) > self.most:
            return Answer(413)
        if asked.method == "PATCH":
            told = asked.headers.get("Content-Range", "0-")
            if int(told.partition("-")[0]) != len(held):
                return Answer(416, place)
            keep = self.keeps.pop(0) if self.keeps else None
            held += asked.body[:keep]
            if keep is not None:
                return Answer(0)
        if asked.method == "PUT":
            del self.uploads[name]
            if sha256(bytes(held)) != query["digest"]:
                return Answer(400, {}, b'{"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}')
            self.blobs[query["digest"]] = bytes(held)
            return Answer(201)
        place["Range"] = f"0-{max(0, len(held) - 1)}"
        return Answer(204 if asked.method == "GET" else 202, place)

    def _manifest(self, asked: Asked, name: str) -> Answer:
        if asked.method == "PUT":
            found = asked.headers.get("Content-Type", ""), asked.body
            self.manifests[name] = self.manifests[sha256(asked.body)] = found
            subject = json.loads(asked.body).get("subject")
            known = {"OCI-Subject": subject["digest"]} if subject and self.referrers else {}
            return Answer(201, known)
        if name not in self.manifests:
            return Answer(404)
        kind, content = self.manifests[name]
        headers = {"Content-Type": kind, "Docker-Content-Digest": sha256(content)}
        return Answer(200, headers, content)

    def _list(self, repository: str, digest: str, query: dict[str, str]) -> Answer:
        if not self.referrers:
            return Answer(404)
        found = []
        for name, (kind, content) in self.manifests.items():
            parsed = json.loads(content)
            if ":" in name and (parsed.get("subject") or {}).get("digest") == digest:
                about = {"mediaType": kind, "digest": name, "size": len(content)}
                more = {"annotations": parsed.get("annotations") or {}}
                found.append({**about, **more, "artifactType": parsed["artifactType"]})
        start = int(query.get("start", 0))
        headers = {"Content-Type": OCI_INDEX}
        if start + self.page < len(found):
            following = f"/v2/{repository}/referrers/{digest}?start={start + self.page}"
            headers["Link"] = f'<{following}>; rel="next"'
        listed = {"schemaVersion": 2, "mediaType": OCI_INDEX}
        listed["manifests"] = found[start : start + self.page]
        return Answer(200, headers, json.dumps(listed).encode())
