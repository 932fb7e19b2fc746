"""The console script. Loading everything takes a second, in which Ctrl-C must be as quiet as later."""

from __future__ import annotations

import signal
import sys

STOPPED = "\nStopped. Nothing is lost: run the same command again and it goes on from here.\n"


def main() -> None:
    """Entry point of `regulars` and `python -m regulars`."""
    try:
        from regulars.cli import run  # noqa: PLC0415 - slow to load, and Ctrl-C may come meanwhile

        run()
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and said: closing down is not worth a traceback


if __name__ == "__main__":
    main()
