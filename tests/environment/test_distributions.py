"""Modules are traced to the distribution that installed them."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlpack.flavors.distributions import distribution_of, locate, module_file


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn", "scikit-learn"),
        ("sklearn.tree._tree", "scikit-learn"),
        ("sklearn.no.such.module", "scikit-learn"),
        ("PIL", "pillow"),
        ("yaml", "pyyaml"),
        ("yaml.nodes", "pyyaml"),
        ("numpy._core.multiarray", "numpy"),
        ("dateutil", "python-dateutil"),
        ("markupsafe", "markupsafe"),
        ("_pytest", "pytest"),
        ("cloudpickle.cloudpickle", "cloudpickle"),
    ],
)
def test_installed(module: str, name: str) -> None:
    assert distribution_of(module) == (name, version(name).partition("+")[0])


@pytest.mark.parametrize(
    "module", ["os.path", "json", "builtins", "_codecs", "zlib", "no_such", ""]
)
def test_not_installed(module: str) -> None:
    assert distribution_of(module) is None


def test_nothing_is_imported(site: Site) -> None:
    site.install("Weighty-Lib", "1.0", {"weighty/__init__.py": "raise SystemError"})
    assert distribution_of("weighty.deep") == ("weighty-lib", "1.0")
    assert "weighty" not in sys.modules


class Site:
    """A folder on sys.path with distributions in it, as an installer would leave them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(
        self,
        name: str,
        version: str,
        files: dict[str, str],
        *,
        record: bool = True,
        direct_url: dict[str, object] | None = None,
        requires: tuple[str, ...] = (),
    ) -> Path:
        stem = f"{name.replace('-', '_')}-{version}"
        info = self.root / f"{stem}.dist-info"
        info.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\nName: not me\n"
        )
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        if record:
            (info / "RECORD").write_text("".join(f"{path},sha256=x,1\n" for path in files))
        if direct_url:
            (info / "direct_url.json").write_text(json.dumps(direct_url))
        return info


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    root = tmp_path / "site-packages"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    return Site(root)


def test_parts_of_a_namespace(site: Site) -> None:
    site.install("acme-cloud-storage", "2.0", {"acme/cloud/storage/__init__.py": ""})
    site.install("acme-cloud-core", "3.1", {"acme/cloud/core.py": ""})
    site.install("acme", "9", {"acme/tools/__init__.py": ""})
    assert distribution_of("acme.cloud.storage.client") == ("acme-cloud-storage", "2.0")
    assert distribution_of("acme.cloud.core") == ("acme-cloud-core", "3.1")
    assert distribution_of("acme.tools") == ("acme", "9")
    assert locate(["acme.cloud"]).missing == {"acme.cloud"}


def test_similar_names(site: Site) -> None:
    """`opencv-python-headless` brings cv2; a package that merely mentions it does not."""
    site.install("cv2", "0.1", {"cv2_tools/__init__.py": ""})
    site.install("opencv-python-headless", "4.9", {"cv2/__init__.py": ""})
    assert distribution_of("cv2.dnn") == ("opencv-python-headless", "4.9")


def test_a_single_file_and_a_local_version(site: Site) -> None:
    site.install("Torchy", "2.1.0+cpu", {"torchy.py": ""})
    assert distribution_of("torchy") == ("torchy", "2.1.0+cpu")


def test_without_a_list_of_files(site: Site) -> None:
    """Debian's packages have none."""
    info = site.install("Old_Thing", "1", {"oldthing.py": ""}, record=False)
    (info / "top_level.txt").write_text("oldthing\n")
    site.install("plain", "2", {"plain/__init__.py": ""}, record=False)
    assert distribution_of("oldthing") == ("old-thing", "1")
    assert distribution_of("plain") == ("plain", "2")


@pytest.mark.parametrize(
    ("record", "origin", "url"),
    [
        ({"url": "https://h/a.whl", "archive_info": {}}, "url", "https://h/a.whl"),
        (
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "url",
            "git+https://h/r.git@c0ffee",
        ),
        ({"url": "file:///tmp/a.whl", "archive_info": {}}, "local", "file:///tmp/a.whl"),
        ({"nonsense": 1}, "index", ""),
    ],
)
def test_where_it_was_installed_from(
    site: Site, record: dict[str, object], origin: str, url: str
) -> None:
    site.install("direct", "1", {"direct.py": ""}, direct_url=record)
    found = locate(["direct"]).distributions["direct"]
    assert (found.origin, found.url) == (origin, url)


def test_conda_builds_come_from_the_index(site: Site) -> None:
    info = site.install("c", "1", {"c.py": ""}, direct_url={"url": "file:///croot/c"})
    (info / "INSTALLER").write_text("conda\n")
    assert locate(["c"]).distributions["c"].origin == "index"


def test_editable_and_own_files(site: Site, tmp_path: Path, monkeypatch) -> None:
    project = tmp_path / "my project"
    (project / "src" / "mine").mkdir(parents=True)
    (project / "src" / "mine" / "__init__.py").write_text("")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "helper.py").write_text("")
    monkeypatch.syspath_prepend(str(project / "src"))
    monkeypatch.syspath_prepend(str(tmp_path / "loose"))
    site.install(
        "mine",
        "0.1",
        {"__editable__.pth": ""},
        direct_url={"url": project.as_uri(), "dir_info": {"editable": True}},
    )
    found = locate(["mine", "helper"])
    assert found.distributions["mine"].origin == "editable"
    assert found.own.keys() == {"mine", "helper"}
    assert module_file("helper") == tmp_path / "loose" / "helper.py"
    assert distribution_of("helper") is None


def test_what_is_installed_later_is_seen(site: Site) -> None:
    assert distribution_of("latecomer") is None
    site.install("latecomer", "1", {"latecomer.py": ""})
    assert distribution_of("latecomer") == ("latecomer", "1")
