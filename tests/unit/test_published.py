"""The published schema says what the views are, and takes nothing back."""

from __future__ import annotations

import copy
import json
from dataclasses import fields

import pytest
from jsonschema import Draft202012Validator

from manager.api.documents import listing
from manager.api.listings import LISTINGS
from manager.api.views import ITEMS, CheckView
from shell.traffic.load import Report
from tests.published import FILE, as_text, schemas, violations, withdrawn


def test_the_published_schema_is_what_the_views_are() -> None:
    assert FILE.read_text() == as_text(schemas())


def test_every_listing_is_published() -> None:
    Draft202012Validator.check_schema(schemas())

    documents = {"Status", "Decision", "Whatif", "Error", "LoadReport"}
    documents |= {"App", "Worker", "AppDescription", "WorkerDescription"}
    assert {*LISTINGS} - {"ReplayList"} | documents == set(json.loads(FILE.read_text())["$defs"])


@pytest.mark.parametrize("kind", sorted({*ITEMS, *LISTINGS}))
def test_every_column_shows_a_field_of_its_item(kind: str) -> None:
    known = {field.name for field in fields(ITEMS[kind])}
    shown = {name for column in LISTINGS[kind].columns for name in (column.field, column.beside) if name}

    assert {LISTINGS[kind].name, *shown} <= known


def test_a_document_with_its_fields_is_as_published() -> None:
    assert violations("CheckList", listing("CheckList", [CheckView("disk", "ok", "9 G free", "")])) == []


def test_a_load_is_reported_as_published() -> None:
    report = Report(2, 1, 1, 0.1, 0.2, None, 5.0, {"web.1": 1}, {"timeout": 1})

    assert violations("LoadReport", report.document()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [({"state": "well"}, "$.items[0].state"), ({"colour": "red"}, "$.items[0].colour: not published")],
)
def test_a_field_of_another_kind_or_of_no_kind_is_a_violation(change: dict[str, str], told: str) -> None:
    document = json.loads(json.dumps(listing("CheckList", [CheckView("disk", "ok", "9 G free", "")])))
    document["items"][0].update(change)

    assert [said for said in violations("CheckList", document) if told in said] != []


def test_a_field_may_be_added_and_none_taken_back_or_changed() -> None:
    before = schemas()["$defs"]
    item = before["AppList"]["properties"]["items"]["items"]
    more, less, other = (copy.deepcopy(before) for _ in range(3))
    more["AppList"]["properties"]["items"]["items"]["properties"]["colour"] = {"type": "string"}
    del less["AppList"]["properties"]["items"]["items"]["properties"]["note"]
    other["AppList"]["properties"]["items"]["items"]["properties"]["note"] = {"type": "integer"}

    assert "note" in item["properties"]
    assert list(withdrawn(before, more)) == []
    assert len(list(withdrawn(before, less))) == 1
    assert len(list(withdrawn(before, other))) == 1
