"""Take the pictures of the documentation in a terminal and in real engines (``make pictures``); needs Chromium."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a page.

    Attributes:
        name: of the picture's file.
        page: the page, as the engine's module names its address.
        size: width and height of the window.
        keys: what to press first.
    """

    name: str
    page: str
    size: tuple[int, int] = (1280, 620)
    keys: str = ""


SHOTS = {
    "terminal_page": (Shot("translate-run", "translate-run", (960, 310)),),
    "airflow_pages": (
        Shot("airflow-grid", "airflow-run"),
        Shot("airflow-graph", "airflow-run", keys="g"),
        Shot("airflow-outputs", "airflow-outputs", (1000, 600)),
    ),
    "prefect_pages": (
        Shot("prefect-run", "prefect-run", (1280, 760)),
        Shot("graph-page", "graph-page", (1100, 560)),
    ),
}


def main(modules: Sequence[str]) -> int:
    """Take the pictures of all modules, or of those that the arguments name."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        print(f"install one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for module in modules or SHOTS:
            with tempfile.TemporaryDirectory(prefix="translator-pictures-", ignore_cleanup_errors=True) as folder:
                take(browser, module, SHOTS[module], Path(folder))
        browser.close()
    return 0


def take(browser: Browser, module: str, shots: tuple[Shot, ...], folder: Path) -> None:
    """Start what a module shows, take its pictures, and end it."""
    # Pages of an engine come from its environment, the terminal from this one.
    engine = ROOT / ".venv" / module.removesuffix("_pages") / "bin" / "python"
    python = str(engine) if engine.is_file() else sys.executable
    command = [python, "-m", f"tests.pictures.{module}", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pages:
        assert pages.stdin
        assert pages.stdout
        line = pages.stdout.readline()
        if not line:
            raise SystemExit(f"{module} has no pages to show: see above")
        addresses = json.loads(line)
        for shot in shots:
            write(browser, shot, addresses[shot.page])
        pages.stdin.close()


def write(browser: Browser, shot: Shot, address: str) -> None:
    """Write the picture of a page."""
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address, wait_until="domcontentloaded", timeout=240_000)
    if address.startswith("http"):
        page.wait_for_timeout(20_000)  # both user interfaces load and draw in several steps
    if shot.keys:
        page.keyboard.press(shot.keys)
        page.wait_for_timeout(5_000)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(PICTURES / f"{shot.name}.webp", quality=80, method=6)
    page.close()
    print(f"{shot.name}: {(PICTURES / f'{shot.name}.webp').stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
