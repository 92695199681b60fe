"""What is said of an image: parts, contents, and why each dependency is there."""

import pytest

from mlpack.builders.inspect.explain import (
    ALONE,
    OF_BASE,
    OF_MLFLOW,
    OF_MODEL,
    OF_RUNTIME,
    explain,
)
from mlpack.builders.oci.image import Image
from mlpack.errors import NotFound
from mlpack.tests.builders.inspect.small_images import DEBIAN, SITE, installed, make_image

RUNTIME = {
    "opt/mlpack/runtime/mlpack/__init__.py": "x",
    "opt/mlpack/runtime/mlpack_toolkit-0.1.dist-info/METADATA": (
        "Name: mlpack-toolkit\nVersion: 0.1\nRequires-Dist: flask>=3\n"
    ),
}
DEPENDENCIES = {
    **installed("scikit_learn", "1.5", "scipy>=1.6", "numpy", "pandas; extra == 'all'", code=500),
    **installed("scipy", "1.14", "numpy>=1.23", code=900),
    **installed("numpy", "2.1", "windows-only; sys_platform == 'win32'", code=700),
    **installed("flask", "3.1", "click"),
    **installed("click", "8.1"),
    **installed("stray", "1"),
}
MODEL = {
    "opt/ml/model/MLmodel": "flavors: {}",
    "opt/ml/model/requirements.txt": "# a comment\nScikit.Learn==1.5\nmlflow==2\n--index-url x\n",
}
PIP = installed("pip", "24")
HISTORY = (
    "/bin/sh -c #(nop) ADD file:abc in / ",
    "mlpack: dependencies",
    "mlpack: runtime",
    "mlpack: model",
)


def ours() -> Image:
    pip = {p.replace(SITE, "usr/lib/python3/dist-packages"): c for p, c in PIP.items()}
    return make_image(
        [{**DEBIAN, **pip}, DEPENDENCIES, RUNTIME, MODEL],
        history=HISTORY,
        labels={"mlpack.version": "0.1"},
        User="65532:65532",
        Entrypoint=["python", "-m", "mlpack.serve"],
        Cmd=["serve"],
        ExposedPorts={"8080/tcp": {}},
    )


def test_each_layer_says_what_it_holds():
    told = explain(ours(), "churn:1")
    assert [layer.part for layer in told.layers] == ["base", "dependencies", "runtime", "model"]
    assert told.layers[0].content == "Debian 12, 2 packages"
    assert told.layers[0].made_by == "ADD file:abc in /"
    assert told.layers[1].content == "scipy 1.14, numpy 2.1, scikit_learn 1.5, flask 3.1 and 2 more"
    assert told.layers[2].content == "mlpack-toolkit 0.1"
    assert told.layers[3].content == "requirements.txt, MLmodel"
    assert (told.user, told.command[0], told.ports) == ("65532:65532", "python", ("8080/tcp",))
    assert told.size == sum(layer.size for layer in told.layers)


def test_every_dependency_says_who_asked_for_it():
    told = explain(ours(), "churn:1")
    why = {each.name: each.why for each in told.distributions}
    assert why["scipy"] == (("scipy", "scikit-learn", OF_MODEL),)
    assert why["numpy"][0] == ("numpy", "scikit-learn", OF_MODEL)
    assert why["numpy"][1] == ("numpy", "scipy", "scikit-learn", OF_MODEL)
    assert why["click"] == (("click", "flask", OF_RUNTIME),)
    assert why["stray"] == (("stray", ALONE),)
    assert why["pip"] == (("pip", OF_BASE),)
    assert why["mlpack-toolkit"] == ((OF_RUNTIME,),)
    assert [each.size for each in told.distributions] == sorted(
        (each.size for each in told.distributions), reverse=True
    )


def test_a_dependency_that_is_not_there_is_answered_with_the_nearest():
    told = explain(ours(), "churn:1")
    assert told.find("Scikit-Learn").version == "1.5"
    with pytest.raises(NotFound, match="Did you mean scipy"):
        told.find("scypy")


def test_extras_that_are_asked_for_count():
    layer = {**installed("web", "1", "loop; extra == 'fast'"), **installed("loop", "1")}
    requirements = {"opt/ml/model/requirements.txt": "web[fast]"}
    told = explain(make_image([layer, requirements]), "x")
    assert told.find("loop").why == (("loop", "web", OF_MODEL),)


def test_circles_of_dependencies_end():
    layer = {**installed("a", "1", "b"), **installed("b", "1", "c"), **installed("c", "1", "a")}
    for asked in ("a", "nothing"):
        requirements = {"opt/ml/model/requirements.txt": asked}
        told = explain(make_image([layer, requirements]), "x")
        assert all(each.why for each in told.distributions)


def test_an_image_of_others_is_explained_as_far_as_it_goes():
    told = explain(make_image([DEBIAN, {"srv/app/data.bin": b"x" * 100}]), "theirs")
    assert [layer.part for layer in told.layers] == ["", ""]
    assert told.layers[1].content == "/srv/app"
    assert told.distributions == () and told.model == {}
    assert explain(make_image([{}]), "empty").system is None


def test_packages_that_were_added_are_told_apart():
    status = DEBIAN["var/lib/dpkg/status"] + "\nPackage: libgomp1\nVersion: 12\n"
    history = ("ADD base", "RUN [python3 /opt/mlpack/system/system.py libgomp1]", "mlpack: model")
    image = make_image([DEBIAN, {"var/lib/dpkg/status": status}, MODEL], history=history)
    told = explain(image, "x")
    assert [layer.part for layer in told.layers] == ["base", "system", "model"]
    assert [layer.content for layer in told.layers[:2]] == ["Debian 12, 2 packages", "libgomp1"]


def test_a_layer_above_ours_is_told_apart():
    image = make_image([DEBIAN, MODEL, {"srv/x": "y"}])
    assert [layer.part for layer in explain(image, "x").layers] == ["base", "model", ""]


def test_pandas_that_was_added_in_place_of_mlflow():
    asked = "opt/mlpack/install/requirements.txt"
    own = {"opt/ml/model/requirements.txt": "mlflow==2\nnumpy\n"}
    packages = {**installed("pandas", "2", "numpy"), **installed("numpy", "2")}

    def why(*files: dict[str, bytes | str]) -> tuple[tuple[str, ...], ...]:
        return explain(make_image([DEBIAN, packages, *files], history=()), "x").find("pandas").why

    # without an engine nothing says so; with one, the list that it installed from does
    assert why(own) == (("pandas", OF_MLFLOW),)
    assert why(own, {asked: "numpy\npandas\n"}) == (("pandas", OF_MLFLOW),)
    # mlflow is there, or pandas was asked for
    assert why(own, installed("mlflow", "2")) == (("pandas", ALONE),)
    model = {"opt/ml/model/requirements.txt": "mlflow==2\npandas<3\n"}
    assert why(model, {asked: "pandas<3\n"}) == (("pandas", OF_MODEL),)
