"""Prints the figures of the size budget: `python -m tests.house.figures`."""

from tests.house.tree import SMALL, SOURCES, function_length, functions, line_count, modules, percentile


def lines_of_test_per_source_line() -> float:
    """Return how many test lines stand beside one source line (aim: 1.0 to 1.6)."""
    return sum(map(line_count, modules("tests/"))) / max(1, sum(map(line_count, modules(*SOURCES))))


def report() -> str:
    """Return the figures as three lines."""
    sizes = [size for size in map(line_count, modules(*SOURCES)) if size > SMALL]
    lengths = [function_length(one) for path in modules(*SOURCES) for one in functions(path)]
    return "\n".join(
        (
            f"house: {len(sizes)} source files, {sum(sizes)} lines;"
            f" median {percentile(sizes, 0.5)} (120), p90 {percentile(sizes, 0.9)} (300), longest {max(sizes)} (500)",
            f"house: {len(lengths)} functions;"
            f" median {percentile(lengths, 0.5)}, p90 {percentile(lengths, 0.9)} (35), longest {max(lengths)} (70)",
            f"house: {lines_of_test_per_source_line():.2f} test lines per source line (1.0 to 1.6)",
        )
    )


if __name__ == "__main__":
    print(report())
