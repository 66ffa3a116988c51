import math
import os

import numpy as np
import pytest
from pydantic import TypeAdapter

from benchmarks.parameter_sets import dumped
from benchmarks.plain_data import plain


def test_what_json_lacks_becomes_text():
    told = {
        1: (np.int64(3), True, None),
        "not finite": [np.inf, -math.inf, np.float32("nan")],
        "path": os.sep,
    }
    assert plain(told) == {"1": [3, True, None], "not finite": ["inf", "-inf", "nan"], "path": os.sep}
    assert type(plain(np.float64(0.5))) is float
    assert plain(os.fsdecode(b"\xff")) == "\\udcff"


def test_a_parameter_that_is_not_finite_comes_back_as_the_number(params_class):
    stored = dumped(params_class(threshold=math.inf))
    assert stored == {"threshold": "inf"}
    assert TypeAdapter(params_class).validate_python(stored) == params_class(threshold=math.inf)


@pytest.fixture
def params_class():
    from pydantic.dataclasses import dataclass

    @dataclass(frozen=True)
    class Params:
        threshold: float

    return Params
