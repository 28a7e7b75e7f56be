"""Test that the lines with ``>>`` of control-flow graphs are few, valid Python, and not too long."""

import pytest

from translator.load import load_text
from translator.targets import airflow
from translator.targets.airflow.controlflow.order import Link, order_lines


@pytest.mark.parametrize(
    ("links", "lines"),
    [
        ([(["a"], "b"), (["b"], "c")], ["a >> b >> c"]),
        ([(["a"], "b"), (["a"], "c")], ["a >> [b, c]"]),
        ([(["a"], "b"), (["a"], "c"), (["b", "c"], "d")], ["a >> [b, c]", "[b, c] >> d"]),
        # A list cannot be shifted by a list.
        ([(["a", "b"], "c"), (["a", "b"], "d")], ["[a, b] >> c", "[a, b] >> d"]),
        # With its indentation of 4 the line has 88 columns, and no more fit.
        ([(["a"], "b" * 74), (["b" * 74], "c")], [f"a >> {'b' * 74} >> c"]),
        ([(["a"], "b" * 75), (["b" * 75], "c")], [f"a >> {'b' * 75}", f"{'b' * 75} >> c"]),
        ([(["a", "d"], "b" * 69), (["b" * 69], "c")], [f"[a, d] >> {'b' * 69} >> c"]),
    ],
)
def test_few_lines(links: list[Link], lines: list[str]) -> None:
    written = []
    for line in order_lines(links, 1):
        several = f"[{', '.join(line.several)}]" if line.several else ""
        written.append(f"{line.before}{several}{line.after}")
    assert written == lines


def test_a_long_list_is_spread_over_lines() -> None:
    one = "{start_at: s, steps: {s: {type: stub, next: success}}}"
    branches = "".join(f"        branch {number}: {one}\n" for number in range(30))
    steps = f"    p:\n      type: parallel\n      next: success\n      branches:\n{branches}"
    text = f"dag:\n  start_at: p\n  steps:\n{steps}"
    written = airflow.generate(load_text(text, "p.yaml", dialect="runnable").choose())
    assert "noqa" not in written
    assert max(map(len, written.splitlines())) <= 88
