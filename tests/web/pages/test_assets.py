"""The browser's files: built from a lock that names no host, complete, and served so that releases never mix."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.web.serving import Running
from web.frontend import vendor
from web.pages import assets

WEB = Path(__file__).parents[3] / "web"


def sources(suffix: str, folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob(f"*{suffix}"))
    }


def test_the_lock_names_no_host() -> None:
    lock = json.loads((WEB / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert not [package for package in packages if "resolved" in package]
    assert all(package["integrity"].startswith("sha512-") for package in packages)


def test_every_icon_used_is_built_and_nothing_else() -> None:
    manifest = json.loads((WEB / "frontend" / "package.json").read_text(encoding="utf-8"))
    wanted = set(manifest["callcard"]["icons"])
    texts = [*sources(".html", WEB / "templates").values(), *sources(".js", WEB / "static" / "js").values()]
    quoted = {word for text in texts for word in re.findall(r"[\"']([a-z][a-z0-9-]*)[\"']", text)}
    named = {name for text in texts for name in re.findall(r"\bicon\([\"']([a-z0-9-]+)[\"']", text)}
    assert named <= wanted
    assert wanted <= quoted, f"named in package.json, used nowhere: {sorted(wanted - quoted)}"


def test_every_file_a_template_names_exists() -> None:
    known = assets.load(WEB / "static")
    named = {
        name
        for text in sources(".html", WEB / "templates").values()
        for name in re.findall(r"static\('([^']+)'\)", text)
    }
    assert named
    for name in named:
        assert known.url(name) == f"/static/{known.stamp}/{name}"
    with pytest.raises(KeyError):
        known.url("js/no-such-module.js")


def test_every_module_imports_modules_that_exist() -> None:
    modules = sources(".js", WEB / "static" / "js")
    for name, text in modules.items():
        for wanted in re.findall(r"from \"\./([^\"]+)\"", text):
            assert wanted in modules, (name, wanted)


def test_built_files_are_stale_as_soon_as_a_source_changes(tmp_path: Path) -> None:
    frontend, built = tmp_path / "frontend", tmp_path / "vendor"
    frontend.mkdir()
    for name in vendor.SOURCES:
        shutil.copy(WEB / "frontend" / name, frontend / name)
    with pytest.raises(vendor.StaleVendorFilesError, match=r'are missing: run "make setup"'):
        vendor.check(frontend, built)
    built.mkdir()
    (built / vendor.STAMP).write_text(vendor.fingerprint(frontend), encoding="ascii")
    vendor.check(frontend, built)
    (frontend / "package.json").write_text("{}", encoding="utf-8")
    with pytest.raises(vendor.StaleVendorFilesError, match=r'are out of date: run "make setup"'):
        vendor.check(frontend, built)


def test_the_licences_of_what_is_bundled_lie_beside_it() -> None:
    text = (vendor.VENDOR / "LICENSES.txt").read_text(encoding="utf-8")
    for name in ("@tabler/core", "@tabler/icons", "@popperjs/core", "htmx.org", "Bootstrap"):
        assert name in text


async def test_files_of_this_release_are_kept_and_of_another_are_not(service: Running) -> None:
    page = await service.ask("GET", "/login", who=None)
    found = re.search(r"/static/([0-9a-f]{12})/css/callcard\.css", page.text)
    assert found is not None
    kept = await service.ask("GET", found.group(), who=None)
    assert (kept.status, kept.headers["Content-Type"]) == (200, "text/css")
    assert "immutable" in kept.headers["Cache-Control"]
    other = await service.ask("GET", found.group().replace(found.group(1), "0" * 12), who=None)
    assert (other.status, other.headers["Cache-Control"]) == (200, "no-cache")


async def test_our_own_texts_travel_compressed_to_whoever_can_read_that(service: Running) -> None:
    known = await asyncio.to_thread(assets.load, WEB / "static")
    own = {"js/desk.js": "text/javascript", "css/callcard.css": "text/css"}
    texts = await asyncio.to_thread(lambda: {name: (WEB / "static" / name).read_text("utf-8") for name in own})
    for name, kind in own.items():
        url = known.url(name)
        packed = await service.ask("GET", url, who=None, headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], packed.headers["Content-Type"]) == ("gzip", kind)
        assert "Accept-Encoding" in packed.headers["Vary"]
        plain = await service.ask("GET", url, who=None, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert packed.text == plain.text == texts[name]
        assert int(packed.headers["Content-Length"]) < len(plain.text) / 2


@pytest.mark.parametrize(
    "path", ["../pages/login.py", "%2e%2e/settings.py", "js", "js/nothing.js", "css/../../auth.py"]
)
async def test_nothing_but_the_known_files_is_sent(service: Running, path: str) -> None:
    answer = await service.ask("GET", f"/static/x/{path}", who=None)
    assert answer.status == 404
    assert "import" not in answer.text
