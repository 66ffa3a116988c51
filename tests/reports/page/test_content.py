from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.panels import Panel, write_panels
from benchmarks.records import RunRecord, Status
from reports.document import Background
from reports.galleries import Pictures
from reports.noise_floor import NO_CALIBRATION
from reports.page.content import embedded_json, page_blocks
from reports.page.render import page_text
from reports.page.scores import label_means, metrics_within
from reports.recommendation import recommendation
from reports.study import Study

Make = Callable[..., RunRecord]
MakeConfig = Callable[..., Config]
BACKGROUND = Background("", {}, 0, NO_CALIBRATION)
NONE = Pictures((), (), (), ())


def data_of(study: Study, folder: Path, **limits: int) -> tuple[dict[str, Any], dict[str, str]]:
    blocks = page_blocks(study, BACKGROUND, [], dict.fromkeys(study.datasets, NONE), folder, folder, **limits)
    return json.loads(blocks["data"]), blocks


@pytest.fixture
def kept(make: Make, make_config: MakeConfig, make_panel: Callable[..., Panel], tmp_path: Path) -> Study:
    """Return a study of three pairs whose slices lie in ``tmp_path``."""
    for pair in range(3):
        write_panels(tmp_path / f"{pair}.npz", {"image": make_panel()})
    records = [make("a", f"p{pair}", artefacts={"panels": f"{pair}.npz"}, dice=0.5) for pair in range(3)]
    return Study.of(make_config("a"), records)


def test_json_opens_and_closes_no_markup() -> None:
    hostile = "</script><!--<script>&\u2028\ud800"
    text = embedded_json({"name": hostile})
    assert not re.search("[<>&]", text)
    assert text.isascii()
    assert json.loads(text) == {"name": hostile}


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        embedded_json(float("nan"))


def test_values_endings_and_messages_of_each_pair(
    make: Make, make_config: MakeConfig, tmp_path: Path
) -> None:
    records = [
        make("a", "p1", dice=0.123456789, before={"dice": 0.1}, seconds={"forward": 2.0}),
        make("a", "p2", status=Status.TIMEOUT, message="after 5 s", before={"dice": 0.2}),
        make("b", "p1", dice=float("nan")),
    ]
    data, _ = data_of(Study.of(make_config("a", "b"), records), tmp_path)
    (dataset,) = data["datasets"]
    a, b = dataset["runs"]
    assert dataset["pairs"] == ["p1", "p2"]
    assert dataset["before"] == {"dice": [0.1, 0.2]}
    assert a["values"] == {"dice": [0.12346, None], "forward_s": [2.0, None]}
    assert [data["statuses"][number] for number in a["statuses"]] == ["ok", "timeout"]
    assert {pair: data["messages"][number] for pair, number in a["messages"].items()} == {
        "1": "register: after 5 s"
    }
    assert (b["values"], b["statuses"][1]) == ({}, None)


def test_advice_stands_first_sentence_by_sentence(
    make: Make, make_config: MakeConfig, tmp_path: Path
) -> None:
    study = Study.of(make_config("a", "b"), [make(run, dice=0.5) for run in ("a", "b")])
    data, _ = data_of(study, tmp_path)
    first = data["before"][0]
    assert first["title"] == "Which backend to choose"
    assert first["lists"] == [["set", list(recommendation(study.config, study, "set"))]]


def test_a_reference_row_has_no_time(make: Make, make_config: MakeConfig, tmp_path: Path) -> None:
    records = [
        make(run, track=track, dice=0.5, seconds={"forward": 1.0})
        for run, track in (("a", "matched"), ("truth", "reference"))
    ]
    data, _ = data_of(Study.of(make_config("a", "truth"), records), tmp_path)
    a, truth = data["datasets"][0]["runs"]
    assert a["values"] == {"dice": [0.5], "forward_s": [1.0]}
    assert truth["values"] == {"dice": [0.5]}


def test_cells_lead_to_their_run_and_metric(make: Make, make_config: MakeConfig, tmp_path: Path) -> None:
    records = [make(run, dice=0.5, before={"dice": 0.4}) for run in ("a", "b")]
    data, _ = data_of(Study.of(make_config("a", "b"), records), tmp_path)
    rows = data["datasets"][0]["tables"][0]["rows"]
    links = {row["cells"][0]["text"]: [c["pairs"] for c in row["cells"] if "pairs" in c] for row in rows}
    assert links == {"before": [[-1, "dice"]], "a": [[0, "dice"]], "b": [[1, "dice"]]}


def test_images_beyond_the_limit_are_left_out_and_named(kept: Study, tmp_path: Path) -> None:
    whole, blocks = data_of(kept, tmp_path)
    assert {name for name in blocks if name.startswith("pair")} == {"pair-0-0", "pair-0-1", "pair-0-2"}
    assert whole["leftOut"] == []
    limit = len(blocks["data"]) + len(blocks["pair-0-0"]) + 10
    less, blocks = data_of(kept, tmp_path, limit_bytes=limit)
    assert {name for name in blocks if name.startswith("pair")} == {"pair-0-0"}
    assert less["leftOut"][0] == "set: the images of p1, p2."


def test_many_pairs_keep_the_most_telling_metrics(make: Make, make_config: MakeConfig) -> None:
    records = [make("a", f"p{n}", dice=0.5, ssim=0.5, rmse=0.1) for n in range(10)]
    study = Study.of(make_config("a"), records)
    assert metrics_within(study, "set", 1_000_000) == ("dice", "rmse", "ssim")
    assert metrics_within(study, "set", 2 * 10 * 2 * 8) == ("dice", "rmse")
    assert metrics_within(study, "set", 0) == ("dice",)


def test_label_means_are_over_the_pairs_that_have_the_label(make: Make, make_config: MakeConfig) -> None:
    labels = [{"x": {"dice": 0.2}, "y": {"dice": None}}, {"x": {"dice": 0.4}}]
    records = [
        structs.replace(make("a", f"p{n}"), labels=LabelScores.of(found)) for n, found in enumerate(labels)
    ]
    found = label_means(Study.of(make_config("a"), records), "set")
    assert found == {"names": ["x", "y"], "runs": [0], "scores": {"dice": [[0.3, None]]}}


def test_page_names_no_address_and_admits_its_own_script_alone(kept: Study, tmp_path: Path) -> None:
    text = page_text(kept, BACKGROUND, [], {"set": NONE}, tmp_path)
    assert not re.search(r"(https?:)?//[a-z]", text.replace("data:", ""))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy[1]


def test_same_records_give_the_same_page(kept: Study, tmp_path: Path) -> None:
    pages = {page_text(kept, BACKGROUND, [], {"set": NONE}, tmp_path) for _ in range(2)}
    assert len(pages) == 1


def test_empty_study_gives_a_page(make_config: MakeConfig, tmp_path: Path) -> None:
    assert "<h1>test</h1>" in page_text(Study.of(make_config(), []), BACKGROUND, [], {}, tmp_path)
