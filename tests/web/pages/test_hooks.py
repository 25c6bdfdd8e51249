"""The names that tests and scripts hold on to are in the pages, and written down."""

import re
from pathlib import Path

from web import pages

WEB = Path(__file__).parents[3] / "web"


def test_every_test_id_is_written_down_and_every_written_one_exists() -> None:
    files = [*(WEB / "templates").rglob("*.html"), *(WEB / "static" / "js").glob("*.js")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files if "api" not in path.parts)
    quoted = set(re.findall(r"data-testid=\"([a-z-]+)\"", text)) | set(
        re.findall(r"testid(?:: |\s*=\s*)\"([a-z-]+)\"", text)
    )
    written = set(re.findall(r"`([a-z][a-z-]+)`", pages.__doc__ or ""))
    assert quoted - written == set()
    words = set(re.findall(r"[\"'`]([a-z][a-z-]+)[\"'`$-]", text))
    exempt = {
        "data-call-id",
        "data-mode",
        "data-status",
        "data-user",
        "data-reason",
        "data-level",
        "data-state",
        "data-phase",
        "data-key",
        "data-name",
        "data-queue",
        "data-agent",
        "data-result",
        "data-owned-by",
        "data-task",
        "data-voicemail",
        "data-number",
        "data-testid",
    }
    presets = {f"promise-{name}" for name in ("quarter", "hour", "tomorrow")}
    composed = presets | {"attach-search-results", "withheld-search-results", "banner-server"}
    exempt = {word for word in written if word.startswith("data-")}
    presets = {f"promise-{when}" for when in ("quarter", "hour", "tomorrow")}
    composed = {"attach-search-results", "withheld-search-results", "banner-server"} | presets
    assert written - quoted - words - exempt - composed - {"name", "password", "next", "setup"} == set()
