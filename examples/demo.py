"""Run the example pipelines on Airflow and on Prefect, and compare the results (``make demo``).

The steps run in containers if Docker or Podman answers, else as processes.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from containers import IMAGE, engine_with_image

from translator.shim.runners import RunnerError

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = Path("examples/valohai/valohai.yaml")
CONTAINERS = EXAMPLE.with_name("containers.toml")
STORES = Path(".demo")


def place() -> list[str]:
    """Print where the steps run and why; return the options of ``translate run`` for it."""
    try:
        url = engine_with_image((ROOT / EXAMPLE).parent)
    except RunnerError as error:
        print(f"Steps run as processes of this machine, not in containers: {error}")
        return []
    print(f"Steps run in containers of the image {IMAGE}, on {url}")
    return ["--config", str(CONTAINERS)]


def run(engine: str, pipeline: str, *arguments: str) -> Path:
    """Run a pipeline of the example with ``translate run``; return the path of its ``run.json``."""
    store = STORES / engine
    known = set((ROOT / store).glob("*/*/run.json"))
    command = ["run", str(EXAMPLE), "--target", engine, "--pipeline", pipeline, *arguments, "--store", str(store)]
    shown = " ".join(f'"{word}"' if " " in word else word for word in command)
    print(f"\n$ translate {shown}", flush=True)
    started = time.monotonic()
    program = ROOT / ".venv" / engine / "bin" / "translate"
    done = subprocess.run([program, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    print(f"({time.monotonic() - started:.0f} s)")
    documents = set((ROOT / store).glob("*/*/run.json")) - known
    if len(documents) != 1:
        sys.exit(f"{done.stderr}\ntranslate run left no run.json below {store}")
    return documents.pop()


def compare(left: Path, right: Path) -> bool:
    """Print how two runs compare; return whether they are equal."""
    program = ROOT / ".venv" / "airflow" / "bin" / "translate"
    command = ["compare", left.relative_to(ROOT), right.relative_to(ROOT)]
    print(f"\n$ translate {' '.join(map(str, command))}", flush=True)
    return subprocess.run([program, *command], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Show both pipelines on both engines; 0 if the engines agree."""
    shutil.rmtree(ROOT / STORES, ignore_errors=True)

    options = place()
    print("\n1. A training pipeline, whose task node trains one model per point of a grid")
    runs = [run(engine, "Training Pipeline", *options) for engine in ("airflow", "prefect")]
    equal = compare(*runs)
    best = json.loads(runs[0].read_text(encoding="utf-8"))["nodes"]["evaluate"]["executions"][0]["metadata"]
    print(f"  The best of {best['candidates']}: {best['best_model']}, {best['accuracy']:.1%} of the test images right")

    print("\n2. Two branches with failures: train_conservative stops its branch, train_experimental continues")
    failing = ("Dual Training Pipeline", "--param", "min_accuracy=0.95", *options)
    runs = [run(engine, *failing) for engine in ("airflow", "prefect")]
    equal = compare(*runs) and equal

    print(f"\nEverything that was made is in {STORES}/: look at {STORES}/airflow/*/*/report/*/*/outputs/report.md")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
