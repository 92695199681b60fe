"""The language of searches: what parses, and that messages point at the word that is wrong."""

import pytest

from mlpack.errors import InvalidInput, InvalidQuery
from mlpack.tracking.filters import Clause, Field, Order, parse_filter, parse_order


@pytest.mark.parametrize(
    ("text", "kind", "key", "operator", "value"),
    [
        ("metrics.auc > 0.9", "metric", "auc", ">", 0.9),
        ("metric.auc<=-1e-3", "metric", "auc", "<=", -1e-3),
        ("metrics.`val loss` != .5", "metric", "val loss", "!=", 0.5),
        ('metrics."train/loss" = 3', "metric", "train/loss", "=", 3),
        ("metrics.train/loss-2 >= +3.", "metric", "train/loss-2", ">=", 3.0),
        ("params.model = 'rf'", "param", "model", "=", "rf"),
        ('parameters.model = "r\'f"', "param", "model", "=", "r'f"),
        ("param.a LIKE '%x_'", "param", "a", "LIKE", "%x_"),
        ("tags.mlflow.parentRunId = 'x'", "tag", "mlflow.parentRunId", "=", "x"),
        ("tag.a ilike 'X'", "tag", "a", "ILIKE", "X"),
        ("tags.`a.b` is not null", "tag", "a.b", "IS NOT NULL", None),
        ("params.a IS NULL", "param", "a", "IS NULL", None),
        ("attributes.status = 'FINISHED'", "attribute", "status", "=", "FINISHED"),
        ("status != 'FAILED'", "attribute", "status", "!=", "FAILED"),
        ("attr.start_time > 1700000000000", "attribute", "start_time", ">", 1700000000000),
        ("created <= 5", "attribute", "start_time", "<=", 5),
        ("attributes.`run name` LIKE 'a%'", "attribute", "run_name", "LIKE", "a%"),
        ("`Run name` = 'a'", "attribute", "run_name", "=", "a"),
        ("run_id IN ('a', \"b\")", "attribute", "run_id", "IN", ("a", "b")),
        ("attribute.user_id NOT IN('a')", "attribute", "user_id", "NOT IN", ("a",)),
    ],
)
def test_clauses(text, kind, key, operator, value):
    assert parse_filter(text) == [Clause(Field(kind, key), operator, value)]


def test_clauses_joined_by_and():
    parsed = parse_filter("metrics.a > 1 AND params.and = 'and' and\n tags.x LIKE ' AND '")
    assert [clause.field.key for clause in parsed] == ["a", "and", "x"]
    assert parsed[2].value == " AND "


@pytest.mark.parametrize("text", ["", "   ", None])
def test_no_filter(text):
    assert parse_filter(text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metrcs.auc > 1", r"wrong at 'metrcs.auc' \(character 1\).*did you mean metrics\?"),
        ("auc > 1", r"wrong at 'auc' \(character 1\).*expected metrics.<key>"),
        ("statu = 'x'", "did you mean status"),
        ("attributes.name = 'x'", r"wrong at 'name' \(character 12\).*one of artifact_uri"),
        ("metrics. > 1", r"wrong at '>' \(character 10\): expected a key"),
        ("metrics.auc", "ends too early: expected an operator"),
        ("metrics.auc >", "ends too early: expected a number"),
        ("metrics.auc > '1'", r"wrong at \"'1'\" \(character 15\): expected a number"),
        ("metrics.auc > 1x", r"wrong at '1x' \(character 15\): expected a number"),
        ("metrics.auc > 1.2.3", "expected a number"),
        ("metrics.auc > nan", "wrong at 'nan'.*expected a number"),
        ("metrics.auc LIKE '1'", "wrong at 'LIKE'.*the metric 'auc' can be compared with >, >=, ="),
        ("metrics.auc ~ 1", "wrong at '~'.*expected an operator"),
        ("params.a = 1", "wrong at '1'.*expected a string in quotes to compare 'a' with"),
        ("params.a = rf", "wrong at 'rf'.*expected a string in quotes"),
        ("params.a = 'rf", "the quote ' is not closed"),
        ("params.`a = 'rf'", "the quote ` is not closed"),
        ("params.a > 'x'", "wrong at '>'.*the param 'a' can be compared with =, !=, LIKE"),
        ("datasets.name IS NULL", "the dataset 'name' can be compared"),
        ("params.a IS 'x'", "expected NULL or NOT NULL after IS"),
        ("params.a NOT 'x'", "expected IN after NOT"),
        ("status IS NULL", "the attribute 'status' can be compared"),
        ("run_id IN 'x'", "expected a list in parentheses"),
        ("run_id IN ()", "expected a string in quotes"),
        ("run_id IN ('x'", "expected a comma or a closing parenthesis"),
        ("run_id IN (1)", "expected a string in quotes"),
        ("metrics.a > 1 OR metrics.b > 1", r"wrong at 'OR' \(character 15\): OR is not supported"),
        ("metrics.a > 1 metrics.b > 1", r"wrong at 'metrics.b' \(character 15\): expected AND"),
        ("metrics.a > 1 AND", "ends too early: expected a field"),
        ("AND metrics.a > 1", "wrong at 'AND'"),
        ("(metrics.a > 1)", r"wrong at '\('.*expected a field"),
        ("metrics.a > 1; DROP TABLE runs", "expected AND"),
        ("datasets.source = 'x'", "expected one of name, digest, context after the dot"),
        ("params.a = '\ud800'", "no valid Unicode"),
    ],
)
def test_messages_point_at_the_word(text, says):
    with pytest.raises(InvalidInput, match=says):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "word", "reason"),
    [
        ("metrics.a > 1 AND statu = 'x'", "statu", "did you mean status"),
        ("metrics.auc >", "", "expected a number"),
        ("params.a = 'rf", "'rf", "is not closed"),
        ("metrics.a > 1  OR b", "OR", "OR is not supported"),
    ],
)
def test_errors_know_where_the_word_is(text, word, reason):
    with pytest.raises(InvalidQuery) as raised:
        parse_filter(text)
    error = raised.value
    assert text[error.start : error.stop] == word and reason in error.reason
    assert error.start == text.index(word) if word else len(text)
    assert text not in error.reason
    assert error.to_dict().keys() == {"error_code", "message"}  # peers' clients know no more


def test_a_filter_is_a_string():
    with pytest.raises(InvalidInput, match="must be a string; got list"):
        parse_filter(["metrics.a > 1"])


def test_orders():
    assert parse_order(["metrics.a DESC", "params.`b c`", "start_time asc"]) == [
        Order(Field("metric", "a"), False),
        Order(Field("param", "b c"), True),
        Order(Field("attribute", "start_time"), True),
    ]
    assert parse_order("metrics.a desc") == [Order(Field("metric", "a"), False)]
    assert parse_order(None) == []


@pytest.mark.parametrize(
    "text", ["metrics.a DOWN", "metrics.a DESC ASC", "metrics.a, b", "", "a.b"]
)
def test_orders_that_are_none(text):
    with pytest.raises(InvalidInput, match="order_by"):
        parse_order([text])
