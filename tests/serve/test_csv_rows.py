"""CSV by the signature's types, and by looks without one."""

import math
import tracemalloc

import pytest

from mlpack.errors import InvalidInput, SchemaMismatch
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import Array, ColSpec, DataType, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve import csv_rows


def signature(**columns):
    specs = [
        ColSpec(kind.rstrip("?"), name, required=not kind.endswith("?"))
        for name, kind in columns.items()
    ]
    return ModelSignature(Schema(specs))


def read(text, sig=None, **options):
    table = csv_rows.parse(text, sig, **options)
    return (enforce(sig, table) if sig else table).to_records()


def test_cells_get_the_signatures_types():
    sig = signature(a="long", b="double", c="string", d="boolean", e="datetime", f="binary")
    text = "a,b,c,d,e,f\n1,2,007,true,2024-01-02,YWI=\n"
    table = enforce(sig, csv_rows.parse(text, sig))
    assert table.column("a").tolist() == [1]
    assert table.column("b").tolist() == [2.0]
    assert table.column("c") == ["007"]
    assert table.column("d").tolist() == [True]
    assert str(table.column("e")[0]) == "2024-01-02T00:00:00.000000000"
    assert table.column("f") == [b"ab"]


def test_empty_cells():
    sig = signature(number="double", text="string", maybe="string?", count="long?", flag="boolean?")
    (row,) = read("number,text,maybe,count,flag\n,,,,\n", sig)
    assert math.isnan(row["number"])
    assert row["text"] == ""
    assert row["maybe"] is None and row["flag"] is None
    assert math.isnan(row["count"])


def test_a_missing_integer_that_is_required_is_refused():
    sig = signature(age="long", name="string")
    with pytest.raises(SchemaMismatch, match="column 'age': expected long, got null in row 1"):
        read("age,name\n1,a\nNA,b\n", sig)


def test_a_cell_of_another_type_is_named():
    with pytest.raises(
        SchemaMismatch, match="column 'age': expected long, got string 'x' in row 1"
    ):
        read("age\n1\nx\n", signature(age="long"))
    with pytest.raises(SchemaMismatch, match=r"got double 1\.5"):
        read("age\n1.5\n", signature(age="long"))


def test_whole_floats_are_good_integers_and_text_stays_text():
    sig = signature(age="long", code="string")
    assert read("age,code\n3.0,NA\n", sig) == [{"age": 3, "code": "NA"}]


def test_columns_in_any_order_quoted_and_with_crlf():
    sig = signature(a="long", b="string")
    assert read('b,a\r\n"x, ""y""\nz",1\r\n', sig) == [{"a": 1, "b": 'x, "y"\nz'}]


def test_without_a_header_columns_go_by_position():
    sig = signature(a="long", b="string")
    assert read("1,x\n2,y\n", sig, header=False)[1] == {"a": 2, "b": "y"}
    assert read("1,x\n", None, header=False) == [{0: 1, 1: "x"}]


def test_without_a_signature_columns_are_what_they_look_like():
    text = "i,f,b,s,gap,e\n1,1.5,true,x,1,\n2,nan,False,2,,\n"
    first, second = read(text)
    assert first == {"i": 1, "f": 1.5, "b": True, "s": "x", "gap": 1, "e": None}
    assert second["s"] == "2" and math.isnan(second["f"]) and math.isnan(second["gap"])


def test_integer_names_are_found_under_their_digits():
    sig = ModelSignature(Schema([ColSpec("double", 0), ColSpec("double", 1)]))
    assert read("1,0\n5,6\n", sig) == [{0: 6.0, 1: 5.0}]


def test_unnamed_columns_and_tensors():
    unnamed = ModelSignature(Schema([ColSpec("double")]))
    assert read("x\n5\n", unnamed) == [{0: 5.0}]
    grid = ModelSignature(Schema([TensorSpec("float64", (-1, 2))]))
    assert enforce(grid, csv_rows.parse("x,y\n1,2\n3,4.5\n", grid)).tolist() == [[1, 2], [3, 4.5]]


def test_nested_types_are_json_in_a_cell():
    sig = ModelSignature(Schema([ColSpec(Array(DataType.long), "ids")]))
    assert list(read('ids\n"[1, 2]"\n', sig)[0]["ids"]) == [1, 2]
    with pytest.raises(SchemaMismatch, match="'ids'"):
        read("ids\nnonsense\n", sig)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n", "only a header"),
        (b"a,b\n1\n", "row 2 has 1 cells, expected 2"),
        (b"a,b\n1,2\n1,2,3\n", "row 3 has 3 cells"),
        (b"a,a\n1,2\n", "twice"),
        (b"\xff\xfe", "not UTF-8"),
        (b'a\n"open\n', "cannot be read"),
        (b'a\n"x"y\n', "cannot be read"),
    ],
)
def test_broken_csv_is_refused_in_words(body, says):
    with pytest.raises(InvalidInput, match=says):
        csv_rows.parse(body, None)


def test_a_long_cell_and_a_byte_order_mark():
    sig = signature(a="string")
    assert read("\ufeffa\n" + "x" * 300_000 + "\n", sig)[0]["a"] == "x" * 300_000


def test_many_short_rows_take_little_more_memory_than_their_text():
    body = b"a\n" * 100_000
    tracemalloc.start()
    try:
        assert csv_rows.parse(body, None).columns[0] == ["a"] * 99_999
        assert tracemalloc.get_traced_memory()[1] < 25 * len(body), "a list for each: 90 times"
    finally:
        tracemalloc.stop()
