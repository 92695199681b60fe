"""What is attached to an image: on registries that know referrers, and on those that do not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlpack.builders.base import Progress
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Attachment, Bundle
from mlpack.builders.oci.spec import OCI_INDEX, OCI_MANIFEST, Descriptor
from mlpack.builders.remote.push import push, remote_digest
from mlpack.builders.remote.referrers import attach, list_referrers, read_referrer
from mlpack.errors import InvalidInput, RegistryFailed
from mlpack.tests.builders.remote.fake import FakeRegistry
from mlpack.tests.builders.remote.images import SBOM, bundle, sbom, unique
from mlpack.tests.builders.remote.servers import Answer, Asked, Registry, proxy, serving

pytestmark = pytest.mark.cloud


def with_sbom(made: Bundle) -> Bundle:
    """The same with a list of what is in it."""
    return replace(made, attachments=(sbom(made.images[0], '{"bomFormat": "CycloneDX"}'),))


def test_a_registry_without_referrers(open_registry: Registry, cache: Cache) -> None:
    made, name = with_sbom(bundle(cache)), f"{open_registry.host}/{unique()}"
    push(made, f"{name}:1")
    (found,) = list_referrers(name, made.digest)
    assert (found.artifact_type, found.media_type) == (SBOM, OCI_MANIFEST)
    assert found.annotations == {"org.example.by": "tests"}
    assert read_referrer(name, found) == made.attachments[0].content
    # the list that other clients look for
    tag = made.digest.replace(":", "-")
    assert remote_digest(f"{name}:{tag}") is not None

    other = Attachment(made.images[0].descriptor, "application/x-signature", b"signed")
    attach(other, name)
    assert len(list_referrers(name, made.digest)) == 2
    (only,) = list_referrers(name, made.digest, artifact_type=SBOM)
    assert only == found


def test_a_registry_with_referrers(cache: Cache) -> None:
    fake, made = FakeRegistry(referrers=True, page=1), with_sbom(bundle(cache))
    with serving(fake.answer) as server:
        name = f"{server.host}/{unique()}"
        push(made, f"{name}:1")
        other = Attachment(made.images[0].descriptor, "application/x-signature", b"signed")
        attach(other, name)
        found = list_referrers(name, made.digest)
        assert [each.artifact_type for each in found] == [SBOM, "application/x-signature"]
        assert [each.artifact_type for each in list_referrers(name, made.digest,
                artifact_type=SBOM)] == [SBOM]  # fmt: skip
        assert read_referrer(name, found[1]) == b"signed"
    assert not [name for name in fake.manifests if name.startswith("sha256-")]


def test_nothing_is_attached_twice(open_registry: Registry, cache: Cache) -> None:
    made = with_sbom(bundle(cache))
    with proxy(open_registry) as front:
        name = f"{front.host}/{unique()}"
        push(made, f"{name}:1")
        front.asked.clear()
        push(made, f"{name}:1")
        assert {each.method for each in front.asked} == {"GET", "HEAD"}
        attach(made.attachments[0], name)
        assert len(list_referrers(name, made.digest)) == 1


def test_an_attachment_that_was_forgotten_in_the_list(
    open_registry: Registry, cache: Cache
) -> None:
    """The push before broke between manifest and list."""
    made, refused = with_sbom(bundle(cache)), [True]

    def refuse(asked: Asked) -> Answer | None:
        lists = asked.method == "PUT" and "/manifests/sha256-" in asked.path
        return Answer(403) if lists and refused else None

    with proxy(open_registry, refuse) as front:
        name = f"{front.host}/{unique()}"
        with pytest.raises(RegistryFailed):
            push(made, f"{name}:1")
        assert list_referrers(name, made.digest) == []
        refused.clear()
        push(made, f"{name}:1")
        assert len(list_referrers(name, made.digest)) == 1


def test_a_registry_that_knows_only_images(open_registry: Registry, cache: Cache) -> None:
    told: list[Progress] = []

    def refuse(asked: Asked) -> Answer | None:
        attached = asked.method == "PUT" and "/manifests/sha256:" in asked.path
        return Answer(415) if attached else None

    with proxy(open_registry, refuse) as front:
        push(with_sbom(bundle(cache)), f"{front.host}/{unique()}:1", report=told.append)
    assert [each.message for each in told if each.kind == "notice"] == [
        f"{front.host} takes nothing beside images; not attached: {SBOM}."
    ]


def test_two_who_attach_at_once(open_registry: Registry, cache: Cache) -> None:
    """What another wrote between our reading and our writing costs neither of them its entry."""
    made = bundle(cache)
    about, once = made.images[0].descriptor, [True]

    def meanwhile(asked: Asked) -> Answer | None:
        if asked.method == "GET" and "/manifests/sha256-" in asked.path and once:
            once.clear()
            answer = Answer(404)  # what was there before the other came
            attach(Attachment(about, "application/x-other", b"other"), real)
            return answer
        return None

    with proxy(open_registry, meanwhile) as front:
        repository = unique()
        real, name = f"{open_registry.host}/{repository}", f"{front.host}/{repository}"
        push(made, f"{name}:1")
        attach(sbom(made.images[0]), name)
    assert SBOM in {each.artifact_type for each in list_referrers(real, made.digest)}


def test_nothing_attached(open_registry: Registry, cache: Cache) -> None:
    made, name = bundle(cache), f"{open_registry.host}/{unique()}"
    push(made, f"{name}:1")
    assert list_referrers(name, made.digest) == []


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"manifests": [{"digest": "../x"}]}, "no valid descriptor"),
        ({"layers": [], "config": {}, "mediaType": OCI_MANIFEST}, "."),
        (7, "no manifest"),
    ],
)
def test_lists_that_are_none(listed: object, message: str) -> None:
    body, kind = json.dumps(listed).encode(), {"Content-Type": OCI_INDEX}
    with (
        serving(lambda _: Answer(200, kind, body)) as server,
        pytest.raises(InvalidInput, match=message),
    ):
        list_referrers(f"{server.host}/it", "sha256:" + "0" * 64)


def test_lists_without_an_end() -> None:
    body = json.dumps({"manifests": []}).encode()
    more = {"Content-Type": OCI_INDEX, "Link": '</v2/it/referrers/more>; rel="next"'}
    with (
        serving(lambda _: Answer(200, more, body)) as server,
        pytest.raises(RegistryFailed, match="without an end"),
    ):
        list_referrers(f"{server.host}/it", "sha256:" + "0" * 64)


def test_attachments_that_lie(cache: Cache) -> None:
    fake, made = FakeRegistry(referrers=True), with_sbom(bundle(cache))
    with serving(fake.answer) as server:
        name = f"{server.host}/it"
        push(made, f"{name}:1")
        (found,) = list_referrers(name, made.digest)
        about = Descriptor.of(SBOM, made.attachments[0].content)
        fake.blobs[about.digest] = b"something else"
        with pytest.raises(InvalidInput, match=f"something else than {about.digest}"):
            read_referrer(name, found)
        image = made.images[0].descriptor
        with pytest.raises(InvalidInput, match="does not hold one file"):
            read_referrer(name, image)
