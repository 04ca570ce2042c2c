"""The README's pictures, made anew from a real study: ``make screenshots``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import FLAGS

WIDTH, HEIGHT = 1180, 1500


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        demo = [sys.executable, "-m", "service.cli", "demo", "--data-dir", data]
        subprocess.run(demo, check=True)
        with served(Path(data)) as server, browser_page() as page:
            study = httpx.get(f"{server}/api/v1/studies").json()[0]["id"]
            page.goto(f"{server}/studies/{study}")
            for name, heading in (("study", "#stage-lr_sweep"), ("batch", "#stage-batch_momentum")):
                card = page.locator(heading)
                card.scroll_into_view_if_needed()
                card.locator(".js-plotly-plot").first.wait_for()
                card.screenshot(path=folder / f"{name}.png")


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve the demo's database; yields the address."""
    environment = os.environ | {"STAGETUNE_DATABASE_URL": f"sqlite:///{data / 'stagetune.db'}"}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "http://" in line)
            server = line[line.index("http://") :].split(";")[0].split()[0]
            httpx.get(f"{server}/readyz", timeout=30)
            yield server
        finally:
            process.terminate()


@contextmanager
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
