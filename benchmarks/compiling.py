"""Measure time and memory of compiling 100, 1,000 and 5,000 nodes, each size in its own process."""

import itertools
import json
import resource
import subprocess
import sys

from measure import Row, emit, processor_seconds

SIZES = (100, 1000, 5000)
WIDTH = 10
CHECK = "check"
"""Instead of a target: nothing is generated."""


def source(nodes: int) -> str:
    """Return a pipeline in layers of up to ``WIDTH`` nodes, each node fed by one node of the layer before."""
    width = min(WIDTH, nodes // 2)
    lines = [
        "- step:",
        "    name: work",
        "    image: busybox",
        "    command: sh work.sh {parameters}",
        "    parameters:",
        "      - {name: size, type: integer, default: 1}",
        "    inputs:",
        "      - {name: before, optional: true}",
        "- pipeline:",
        "    name: big",
        "    nodes:",
    ]
    lines += [
        f"      - {{name: n{i}, type: {'task' if i % width == 0 else 'execution'}, step: work}}" for i in range(nodes)
    ]
    lines.append("    edges:")
    lines += [f"      - [n{i - width}.output.*, n{i}.input.before]" for i in range(width, nodes)]
    return "\n".join(lines) + "\n"


def steps(count: int) -> str:
    """Return as many steps as nodes, each with a parameter and an input."""
    lines = [
        f"- step: {{name: s{i}, image: busybox, command: 'true', parameters: [{{name: p, type: integer, default: 1}}], "
        f"inputs: [{{name: i, optional: true}}]}}"
        for i in range(count)
    ]
    lines += ["- pipeline:", "    name: big", "    edges: []", "    nodes:"]
    lines += [f"      - {{name: n{i}, type: execution, step: s{i}}}" for i in range(count)]
    return "\n".join(lines) + "\n"


def compile_once(nodes: int, target: str) -> None:
    """Compile one pipeline, or only check it, and print seconds and the peak of memory (MB) above the smallest."""
    from importlib import import_module

    from translator.load import load_text
    from translator.targets import GenerateOptions

    module = None if target == CHECK else import_module(f"translator.targets.{target}")
    write = steps if target == CHECK else source

    def generate(text: str) -> None:
        loaded = load_text(text)
        (pipeline,) = loaded.pipelines
        if module is not None:
            module.generate(pipeline, GenerateOptions())

    generate(write(2 * WIDTH))
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = write(nodes)
    took = processor_seconds(lambda: generate(text))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle
    print(json.dumps([took, peak / 1024]))


def main() -> None:
    """Measure time and memory per node, and compare each size with the one before."""
    for target in (CHECK, "airflow", "prefect"):
        measured: dict[int, tuple[float, float]] = {}
        for nodes in SIZES:
            runs = [
                json.loads(subprocess.check_output([sys.executable, __file__, str(nodes), target], text=True))
                for _ in range(3)
            ]
            measured[nodes] = tuple(sorted(column)[1] for column in zip(*runs, strict=True))
        for small, large in itertools.pairwise(SIZES):
            for unit, scale, column in (("ms", 1000, 0), ("MB", 1, 1)):
                ours, theirs = (measured[nodes][column] * scale for nodes in (large, small))
                what = "memory" if unit == "MB" else "time"
                of = "steps" if target == CHECK else "nodes"
                emit(
                    Row(
                        f"{target}: {what} for {large:,} {of}",
                        ours,
                        f"the same for {small:,}, times {large // small}",
                        theirs * large / small,
                        unit,
                        1.25,
                    )
                )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        compile_once(int(sys.argv[1]), sys.argv[2])
    else:
        main()
