"""The graph of a lineage: what is in it, what folds, and that no line runs behind a box."""

import re

import pytest

from mlpack.registry.entities import ModelVersion
from mlpack.registry.lineage import Lineage
from mlpack.registry.provenance import DatasetUse
from mlpack.tracking_server.ui.lineage_graph import HEIGHT, WIDTH, drawn
from mlpack.tracking_server.ui.lineage_nodes import Edge, Node, nodes_of

VERSION = ModelVersion("iris", 1, 0, 0, aliases=["champion"], current_stage="Staging")
OTHER = ModelVersion("copy of iris", 3, 0, 0)


def whole(**more):
    return Lineage("iris/1", VERSION, run_id="r1", model_id="m-1", **more)


def told(lineage, versions=(VERSION,)):
    nodes, edges = nodes_of(lineage, versions, "/registry/iris/1", {"m-2": "base"})
    names = {node.key: node.title for node in nodes}
    return nodes, {(names[edge.start], names[edge.end]) for edge in edges}


def test_from_datasets_to_deployments():
    images = [{"reference": "reg/iris:1", "of": "iris/1"}]
    deployments = [
        {"name": "prod", "image": "reg/iris:1", "target": "local", "status": "healthy"},
        {"name": "copied", "of": "copy of iris/3"},
        {"name": "old", "state": "deleted"},
    ]
    read = [DatasetUse("train", "d1", "training"), DatasetUse("test", "d2")]
    lineage = whole(datasets=read, inputs=["m-2"], images=images, deployments=deployments)
    nodes, edges = told(lineage, [VERSION, OTHER])
    assert edges == {
        ("train", "r1"),
        ("test", "r1"),
        ("base", "r1"),
        ("r1", "m-1"),
        ("m-1", "iris/1"),
        ("m-1", "copy of iris/3"),
        ("iris/1", "reg/iris:1"),
        ("reg/iris:1", "prod"),
        ("copy of iris/3", "copied"),
        ("iris/1", "old"),
    }
    by_title = {node.title: node for node in nodes}
    assert by_title["iris/1"].is_here and by_title["iris/1"].lines == ("Staging", "@champion")
    # what uses it leads to what runs; the image, too, if something runs it
    assert by_title["prod"].href == "/deployments?words=prod+local&all=1"
    assert by_title["reg/iris:1"].href == "/deployments?words=reg%2Firis%3A1&all=1"
    assert by_title["copy of iris/3"].href == "/registry/copy%20of%20iris/3"
    assert by_title["old"].gone == "deleted" and not by_title["prod"].gone
    assert by_title["r1"].gone == by_title["m-1"].gone == "gone"


def test_what_is_gone_says_what_became_of_it():
    nodes, _ = told(whole(gone={"run": "gone (there is no run)", "model": "deleted"}))
    assert [node.gone for node in nodes] == ["gone (there is no run)", "deleted", ""]


def test_a_version_of_nothing_known():
    nodes, edges = told(Lineage("iris/1", VERSION))
    assert [node.title for node in nodes] == ["iris/1"] and not edges
    graph = drawn(nodes, [], False, "/more")
    assert len(graph.boxes) == 1 and graph.width > WIDTH and not graph.folded


@pytest.mark.parametrize("whole_graph", [False, True])
def test_long_columns_fold(whole_graph):
    nodes = [Node(f"d{i}", "inputs", f"dataset {i}") for i in range(50)]
    nodes += [Node("run", "run", "run", is_here=True)]
    edges = [Edge(f"d{i}", "run") for i in range(50)]
    graph = drawn(nodes, edges, whole_graph, "/more")
    titles = [box.node.title for box in graph.boxes]
    if whole_graph:
        assert len(titles) == 51 and graph.folded == 0 and len(graph.paths) == 50
    else:
        assert titles[6] == "+ 44 more" and len(titles) == 8 and graph.folded == 44
        assert graph.boxes[6].node.href == "/more" and len(graph.paths) == 7
    assert len(graph.columns[0].nodes) == 50  # all of them are in the list


def test_the_version_of_the_page_is_never_folded_away():
    nodes = [Node(f"v{i}", "versions", str(i), is_here=i == 40) for i in range(50)]
    assert "40" in [box.node.title for box in drawn(nodes, [], False, "/").boxes]


def test_lines_pass_boxes_between():
    nodes = [Node("v", "versions", "v"), Node("z", "deployments", "z")]
    nodes += [Node(f"i{i}", "images", "i") for i in range(3)]
    graph = drawn(nodes, [Edge("v", "z")], False, "/")
    [(path, is_gone)] = graph.paths
    lane = int(re.search(r"(\d+)H", path)[1])
    images = [box for box in graph.boxes if box.node.column == "images"]
    assert not is_gone and all(not box.y < lane < box.y + HEIGHT for box in images)


def test_lines_to_what_is_gone_are_dashed():
    nodes = [
        Node("a", "run", "a", gone="gone"),
        Node("b", "model", "b"),
        Node("c", "versions", "c"),
    ]
    graph = drawn(nodes, [Edge("a", "b"), Edge("b", "c"), Edge("b", "nothing")], False, "/")
    assert [is_gone for _, is_gone in graph.paths] == [True, False]
