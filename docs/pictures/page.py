"""Take the screenshots of the page for people, `page-card.png` and `page-phone.png`, from a real run of the program.

    .venv/bin/python docs/pictures/page.py [FOLDER]

It makes a root in a temporary folder, stages some drops, has some decided, serves the page on a free port, and lets
Debian's Chromium look at it. Needs Chromium and the extra `test`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

DROPS = (
    {"id": "dragon-1", "text": "Read chapter 1 of Dragon Guide.", "source": "reading-log"},
    {"id": "moon-1", "text": "Wondered why the moon follows the car.", "source": "tutor"},
    {
        "id": "tides-1",
        "text": "Took the tides quiz: 9 of 10. Mixed up spring and neap tides.",
        "source": "tutor",
        "score": "9/10",
        "topic": "tides",
        "rationale": "Tides are understood, but for one pair of words.",
        "excerpt": "Tutor: which tide is the largest?\nAlex: neap... no, spring!",
        "confidence": 0.8,
    },
    {"id": "dragon-2", "text": "Read chapter 2 of Dragon Guide; summarized migration habits.", "source": "reading-log"},
    {"id": "house-1", "text": "Built a birdhouse from old boards.", "skill_tag": "WORK", "source": "camera-notes"},
)


def program(root: Path, *words: str) -> list[str]:
    """The command."""
    return [sys.executable, "-m", "recursion_gate", "--root", str(root), *words]


def story(root: Path) -> None:
    """A root where two entries are decided and three wait."""
    subprocess.run([sys.executable, "-m", "recursion_gate", "init", root, "--user", "alex"], check=True)
    for drop in DROPS:
        (root / "inbox" / "alex" / f"{drop['id']}.json").write_text(json.dumps(drop))
    subprocess.run(program(root, "once"), check=True)
    for words in (("approve", "dragon-1"), ("reject", "moon-1", "--reason", "said as a joke")):
        subprocess.run(program(root, *words), check=True)
    subprocess.run(program(root, "once"), check=True)


def shoot(link: str, folder: Path) -> None:
    """Both pictures."""
    base = link.partition("/sign-in")[0]
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        sys.exit("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1180, "height": 700}, color_scheme="light")
        tab.goto(link)
        state = tab.context.storage_state()
        tab.goto(f"{base}/card/alex/tides-1")
        tab.screenshot(path=folder / "page-card.png")
        phone = browser.new_context(
            viewport={"width": 360, "height": 700}, color_scheme="dark", has_touch=True, is_mobile=True,
            device_scale_factor=2, storage_state=state,
        ).new_page()  # fmt: skip
        phone.goto(f"{base}/card/alex/tides-1")
        phone.screenshot(path=folder / "page-phone.png")
        browser.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "root"
        story(root)
        daemon = subprocess.Popen(program(root, "run"), stderr=subprocess.DEVNULL, env=os.environ)
        served = subprocess.Popen(
            program(root, "serve", "--only", "people", "--port", "0"), stderr=subprocess.PIPE, text=True
        )
        try:
            assert served.stderr is not None
            link = next(found[0] for line in served.stderr if (found := re.search(r"http://\S+/sign-in\S+", line)))
            shoot(link, folder)
        finally:
            for process in (served, daemon):
                process.terminate()
                process.wait(20)


if __name__ == "__main__":
    main()
