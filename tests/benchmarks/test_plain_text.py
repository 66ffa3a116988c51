import pytest

from benchmarks.plain_text import harmless, one_line


def test_other_scripts_and_signs_stay():
    assert one_line(" 脑 Gehirn\tмозг ") == "脑 Gehirn мозг"
    assert harmless("5.0 × 3 ≤ [x]  👍") == "5.0 × 3 ≤ [x]  👍"


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[2J",
        "\x1b]0;owned\x07",
        "\x9b2J",
        "\x9d0;owned\x9c",
        "\x1bP+q\x1b\\",
        "\x08",
        "\x7f",
        "\u202e",
        "\udcff",
    ],
)
def test_nothing_that_controls_the_display_stays(sequence):
    for shown in (harmless(f"a{sequence}b"), one_line(f"a{sequence}b")):
        assert shown.isprintable()
        assert shown[0] + shown[-1] == "ab"


def test_lines_become_one():
    assert one_line("first\r\n  second\u2028third\x0bfourth") == "first second third fourth"
