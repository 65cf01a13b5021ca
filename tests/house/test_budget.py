"""No file and no function grows beyond what a reader holds in mind."""

import pytest

from tests.house.tree import SMALL, SOURCES, function_length, functions, line_count, modules, percentile

FILE_MEDIAN, FILE_P90, FILE_LONGEST = 120, 300, 500
FUNCTION_P90, FUNCTION_LONGEST = 35, 70
ONE_FILE_BY_FORMAT = {
    # the verifier travels in every bundle as one file (record format 1, section 4) and shares no code with its writer
    "mes/records/bundle/verify.py": 2000,
    "mes/ledger/independent/verify_ledger.py": 600,
}
EVERYTHING = (*SOURCES, "tests/", "bench/", "tools/")


def test_source_files_are_short() -> None:
    sizes = [size for size in map(line_count, modules(*SOURCES)) if size > SMALL]
    assert percentile(sizes, 0.5) <= FILE_MEDIAN
    assert percentile(sizes, 0.9) <= FILE_P90


def test_functions_are_short() -> None:
    lengths = [function_length(one) for path in modules(*SOURCES) for one in functions(path)]
    assert percentile(lengths, 0.9) <= FUNCTION_P90


def test_no_file_is_long() -> None:
    assert {
        path: line_count(path)
        for path in modules(*EVERYTHING)
        if line_count(path) > ONE_FILE_BY_FORMAT.get(path, FILE_LONGEST)
    } == {}


def test_no_function_is_long() -> None:
    assert {
        f"{path}::{one.name}": function_length(one)
        for path in modules(*EVERYTHING)
        for one in functions(path)
        if function_length(one) > FUNCTION_LONGEST
    } == {}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.9, 9), (1.0, 10), (0.01, 1)])
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], share) == expected
