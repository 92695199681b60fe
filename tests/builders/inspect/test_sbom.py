"""The bill of materials: valid, the same every time, true of licences, purls and who needs whom."""

import json
from importlib import metadata

import pytest
from packageurl import PackageURL

from mlpack.builders.inspect.contents import Base, Package, System
from mlpack.builders.inspect.databases import read_metadata
from mlpack.builders.inspect.sbom import hashes_of, sbom
from mlpack.builders.oci.spec import Platform

DIGEST = "sha256:" + "ab" * 32
LABELS = {
    "org.opencontainers.image.title": "churn",
    "org.opencontainers.image.created": "2026-11-28T20:06:57.123456Z",
    "mlpack.model.digest": DIGEST,
    "mlpack.model.id": "m-1",
    "mlpack.model.flavors": "python_function,sklearn",
    "mlpack.run.id": "r1",
}
BASE = Base(
    System("debian", "12", "Debian GNU/Linux 12 (bookworm)"),
    "3.11.7",
    (
        Package("deb", "libc6", "2.36-9+deb12u1", "amd64", "glibc"),
        Package("deb", "libstdc++6", "1:12.2.0~1-14", "amd64", "gcc-12"),
    ),
)


def distribution(name, version="1.0", *more, **given):
    lines = [f"Name: {name}", f"Version: {version}", *more]
    return read_metadata("\n".join(lines).encode(), **given)


def make(**changes):
    told = {
        "labels": LABELS,
        "platform": Platform("linux", "amd64"),
        "base": BASE,
        "distributions": [
            distribution("Scikit_Learn", "1.5.0", "Requires-Dist: scipy>=1.6", sha256="cd" * 32),
            distribution("scipy", "1.14", "Requires-Dist: numpy; sys_platform == 'linux'"),
            distribution("numpy", "2.1", "License-Expression: BSD-3-Clause AND Zlib"),
            distribution("mlpack-toolkit", "0.1.0", "Requires-Dist: flask>=3.0"),
            distribution("flask", "3.1", "Requires-Dist: colorama; sys_platform == 'win32'"),
            distribution("colorama"),
        ],
        "requirements": ["scikit-learn==1.5.0", "--index-url https://x/simple"],
        "base_name": "registry.example:5000/python:3.11-slim",
        "base_digest": DIGEST,
    }
    return sbom(**{**told, **changes})


def read(content):
    # seconds of its grammars, which other tests need not wait for
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode())
    assert problem is None, problem
    found = json.loads(content)
    return found, {each["name"]: each for each in found["components"]}


def depends(found, ref):
    return next(each["dependsOn"] for each in found["dependencies"] if each["ref"] == ref)


def test_it_holds_everything_that_is_in_the_image():
    found, parts = read(make())
    assert found["metadata"]["component"]["name"] == "churn"
    assert found["metadata"]["timestamp"] == LABELS["org.opencontainers.image.created"]
    assert parts["churn"]["type"] == "machine-learning-model"
    assert parts["churn"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert parts["python"]["version"] == "3.11.7" and "cpe:2.3:a:python" in parts["python"]["cpe"]
    assert parts["debian"]["type"] == "operating-system"
    assert parts["Scikit_Learn"]["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]
    assert parts["numpy"]["licenses"] == [{"expression": "BSD-3-Clause AND Zlib"}]
    assert parts["mlpack-toolkit"]["type"] == "application"


def test_hashes_of_wheels_come_from_the_lock():
    _, parts = read(make(hashes={"scipy": "sha256:" + "ef" * 32}))
    assert parts["scipy"]["hashes"] == [{"alg": "SHA-256", "content": "ef" * 32}]


def test_a_lock_tells_the_wheel_where_there_is_only_one():
    one, other = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    lock = f"# mlpack lock 1\nSci.Py==1 --hash={one}  # 3 bytes\n"
    lock += f"b==2 \\\n --hash={one} --hash={other}\n"
    assert hashes_of(lock) == {"sci-py": one}


def test_an_image_without_a_model_has_none_in_its_bill():
    found, parts = read(make(model=False, packages=[Package("deb", "libgomp1", "12", "amd64")]))
    assert "churn" not in parts and "libgomp1" in parts
    assert "model" not in {each["ref"] for each in found["dependencies"]}


def test_package_addresses_are_what_scanners_read():
    _, parts = read(make())
    purls = {
        name: PackageURL.from_string(each["purl"]) for name, each in parts.items() if "purl" in each
    }
    libstdcpp = purls["libstdc++6"]
    assert (libstdcpp.type, libstdcpp.namespace, libstdcpp.name) == ("deb", "debian", "libstdc++6")
    assert libstdcpp.version == "1:12.2.0~1-14"
    assert libstdcpp.qualifiers["distro"] == "debian-12"
    assert purls["Scikit_Learn"].name == "scikit-learn"
    base = purls["registry.example:5000/python:3.11-slim"]
    assert (base.name, base.version, base.qualifiers["tag"]) == ("python", DIGEST, "3.11-slim")
    assert base.qualifiers["repository_url"] == "registry.example:5000/python"


def test_the_graph_is_of_what_the_platform_needs():
    found, _ = read(make())
    assert depends(found, "model") == ["pypi:scikit-learn@1.5.0"]
    assert depends(found, "pypi:scikit-learn@1.5.0") == ["pypi:scipy@1.14"]
    assert depends(found, "pypi:flask@3.1") == []  # colorama is for Windows
    assert "pypi:mlpack-toolkit@0.1.0" in depends(found, "image")
    refs = {each["ref"] for each in found["dependencies"]}
    assert all(set(each["dependsOn"]) <= refs for each in found["dependencies"])


def test_the_same_image_gives_the_same_bytes():
    assert make() == make()
    assert json.loads(make())["serialNumber"] != json.loads(make(requirements=[]))["serialNumber"]


@pytest.mark.parametrize(
    ("lines", "licenses"),
    [
        (["License: Apache-2.0"], [{"expression": "Apache-2.0"}]),
        (["License: bsd-3-clause"], [{"expression": "BSD-3-Clause"}]),
        (["License: Modified BSD"], [{"license": {"name": "Modified BSD"}}]),
        (["License: " + "x" * 200, "Classifier: License :: OSI Approved :: MIT License"],
         [{"license": {"name": "MIT License"}}]),
        (["License: UNKNOWN"], None),
    ],
)  # fmt: skip
def test_licences_are_told_as_exactly_as_they_are_known(lines, licenses):
    _, parts = read(make(distributions=[distribution("it", "1", *lines)]))
    assert parts["it"].get("licenses") == licenses


def test_the_packages_of_this_very_environment_make_a_valid_one():
    found = [
        read_metadata(each.read_text("METADATA").encode())
        for each in metadata.distributions()
        if each.read_text("METADATA")
    ]
    document, parts = read(make(distributions=found, requirements=["scikit-learn"]))
    assert len(parts) > 50
    assert any(
        "numpy" in ref
        for ref in depends(document, f"pypi:scikit-learn@{parts['scikit-learn']['version']}")
    )


def test_what_strangers_write_makes_no_invalid_one():
    labels = {**LABELS, "org.opencontainers.image.created": "soon", "mlpack.model.digest": "none",
              "mlpack.model.id": "half \ud800"}  # fmt: skip
    odd = [
        read_metadata(b"Name: b\xff\xfe\nVersion: not a version\nRequires-Dist: ???\n"),
        distribution("a", "1", "Requires-Dist: b; python_version > 'x' and extra == 'y'"),
    ]
    twice = Base(None, None, BASE.packages + BASE.packages)
    found, _ = read(make(labels=labels, distributions=odd, base=twice, requirements=["a[y]"]))
    assert "timestamp" not in found["metadata"]


def test_a_metadata_file_that_names_nothing_is_none():
    assert read_metadata(b"") is None
    assert read_metadata(b"Name: only\n") is None
