"""Says whether the built browser files belong to the sources that lie beside them.

The build hook asks before it builds, the service asks before it starts: a page with last month's style sheet is a bug
nobody can reproduce. Only the standard library is used here, because the build runs before anything is installed.
"""

import hashlib
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
VENDOR = FRONTEND.parent / "static" / "vendor"
SOURCES = ("package.json", "package-lock.json", "build.mjs")
STAMP = "STAMP"


class StaleVendorFilesError(RuntimeError):
    """Browser files are missing or older than their sources: run `make setup`."""


def fingerprint(frontend: Path = FRONTEND) -> str:
    """Return the sha256 over the files that decide what is built."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(name.encode() + b"\0" + (frontend / name).read_bytes() + b"\0")
    return digest.hexdigest()


def is_fresh(frontend: Path = FRONTEND, vendor: Path = VENDOR) -> bool:
    """Tell whether `vendor` was built from exactly these sources."""
    stamp = vendor / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii").strip() == fingerprint(frontend)


def check(frontend: Path = FRONTEND, vendor: Path = VENDOR) -> None:
    """Raise `StaleVendorFilesError` with one clear line when the browser files have to be built first."""
    if not is_fresh(frontend, vendor):
        state = "out of date" if vendor.is_dir() else "missing"
        raise StaleVendorFilesError(f'browser files in {vendor} are {state}: run "make setup"')
