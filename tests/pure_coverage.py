"""The gate on pure modules: what decides must be tested branch by branch. Run after the suite (`make test`)."""

import sys
import tomllib
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parent.parent
LEAST_PERCENT = 95.0


def pure_modules() -> list[str]:
    """Read the modules that the import contract calls pure."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    pure = next(contract for contract in contracts if contract["name"].startswith("pure modules"))
    return list(pure["source_modules"])


def main() -> int:
    """Print the report; 1 when the pure modules together fall short."""
    measured = coverage.Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
    measured.load()
    files = [str(ROOT / (module.replace(".", "/") + ".py")) for module in pure_modules()]
    percent = measured.report(include=files, show_missing=True, skip_covered=True, file=sys.stdout)
    if percent < LEAST_PERCENT:
        sys.stderr.write(f"the pure modules are covered to {percent:.1f} %, {LEAST_PERCENT:.0f} % is the least\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
