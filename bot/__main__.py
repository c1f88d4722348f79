"""The entry point: light, so that Ctrl-C while the rest is still being loaded ends it in silence, too."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from bot.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell says of a command that Ctrl-C ended before it was done


if __name__ == "__main__":
    main()
