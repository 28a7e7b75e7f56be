"""Take the pictures of the documentation again, in real engines (``make pictures``); needs Chromium."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

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
    "airflow": (
        Shot("airflow-grid", "airflow-run"),
        Shot("airflow-graph", "airflow-run", keys="g"),
        Shot("airflow-outputs", "airflow-outputs", (1000, 600)),
    ),
    "prefect": (
        Shot("prefect-run", "prefect-run", (1280, 760)),
        Shot("graph-page", "graph-page", (1100, 560)),
    ),
}


def main() -> int:
    """Run the pipeline on each engine, and take the pictures of its pages."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        print(f"install one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for engine, shots in SHOTS.items():
            with tempfile.TemporaryDirectory(prefix="translator-pictures-") as folder:
                take(browser, engine, shots, Path(folder))
        browser.close()
    return 0


def take(browser: Browser, engine: str, shots: tuple[Shot, ...], folder: Path) -> None:
    """Start an engine, take its pictures, and end it."""
    python = ROOT / ".venv" / engine / "bin" / "python"
    command = [str(python), "-m", f"tests.pictures.{engine}_pages", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pages:
        assert pages.stdin
        assert pages.stdout
        addresses = json.loads(pages.stdout.readline())
        for shot in shots:
            write(browser, shot, addresses[shot.page])
        pages.stdin.close()


def write(browser: Browser, shot: Shot, address: str) -> None:
    """Write the picture of a page."""
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address, wait_until="domcontentloaded", timeout=240_000)
    page.wait_for_timeout(20_000)  # both user interfaces load and draw in several steps
    if shot.keys:
        page.keyboard.press(shot.keys)
        page.wait_for_timeout(5_000)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(PICTURES / f"{shot.name}.webp", quality=80, method=6)
    page.close()
    print(f"{shot.name}: {(PICTURES / f'{shot.name}.webp').stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main())
