from __future__ import annotations

import pytest

from reports.private_paths import without_paths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/set/list.csv", "…/list.csv"),
        ("/home/Jane Doe/data/list.csv", "…/list.csv"),
        ("no '/home/Jane Doe/x y.nii' there", "no '…/x y.nii' there"),
        ('no "/home/Jane O\'Neill/x.nii" there', 'no "…/x.nii" there'),
        ("OSError:/home/jane/x", "OSError:…/x"),
        ("/a/b.nii: 2D, but /c/d.nii: 3D", "…/b.nii: 2D, but …/d.nii: 3D"),
        ("/usr/bin:/home/jane/bin", "…/bin:…/bin"),
        ("file:///home/jane/x", "file://…/x"),
        ("run ~/data/x.yaml --results-dir=/srv/r/", "run …/x.yaml --results-dir=…/"),
        ("the folder of /home/jane", "the folder of …/"),
        ("fetched from https://a.org/b,/home/jane/x", "fetched from https://a.org/b,…/x"),
    ],
)
def test_folders_of_absolute_paths_are_left_out(text: str, shown: str) -> None:
    assert without_paths(text) == shown
    assert without_paths(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "configs/x.yaml",
        "../set/x.nii",
        "https://a.org/b-/c/d and http://[::1]/a/b",
        "tcp://10.0.0.1:8786/a/b",
        "1/2",
        "mm/s/m, 3 °/s/m",
        "a / b / c",
        "'/' or '/'",
        "GM/WM/CSF",
        "(a)/(b)/(c)",
        "pairs/*/*/panels-*",
        "<b>x</b></i>",
        "/",
        "",
    ],
)
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert without_paths(text) == text


def test_nested_text_keeps_its_shape() -> None:
    nested = {"path": ["/data/set/x", 1, None], "both": ("a/b", {"c": "in /d/e"})}
    assert without_paths(nested) == {"path": ["…/x", 1, None], "both": ("a/b", {"c": "in …/e"})}
