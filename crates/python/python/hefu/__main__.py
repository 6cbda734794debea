"""The program `hefu`: the same commands as the one without Python."""

from __future__ import annotations

import os
import sys

from . import _hefu


def main() -> None:
    """Runs the command that the arguments name, and ends with its exit status."""
    own = os.path.abspath(sys.argv[0])
    # `python -m hefu` names this file, which no other program could start.
    if own == os.path.abspath(__file__):
        own = os.path.join(os.path.dirname(sys.executable), "hefu")
    sys.stdout.flush()
    sys.exit(_hefu.program([own, *sys.argv[1:]], _hefu.__file__))


if __name__ == "__main__":
    main()
