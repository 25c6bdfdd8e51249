"""The demo: a fresh database with invented clients and a year of calls, and a PBX that rings."""

import asyncio


def main() -> None:
    """Run the demo until Ctrl-C or SIGTERM."""
    from web import settings
    from web.commands.service import loop_factory, start_logging
    from web.demo.running import run_demo

    chosen = settings.load()
    start_logging(chosen)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run_demo(chosen))
