"""Test that a file that multiplies is stopped; tests/fuzz runs other mutants."""

from translator.load import load_text


def test_aliases_that_multiply_stop():
    lines = ["g0: &g0 {start_at: s, steps: {s: {type: stub, next: success}}}"]
    for n in range(1, 20):
        step = f"{{type: parallel, next: success, branches: {{a: *g{n - 1}, b: *g{n - 1}}}}}"
        lines.append(f"g{n}: &g{n} {{start_at: s, steps: {{s: {step}}}}}")
    loaded = load_text("\n".join([*lines, "dag: *g19"]))
    assert [d.code for d in loaded.diagnostics] == ["alias-bomb"]
