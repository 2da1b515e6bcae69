"""A process that prints one page, read from its input, as a PDF, and ends. It stands back for everybody else.

It opens no database and writes no file.
"""

import os
import sys

import django


def main() -> None:
    """Print what is read; ends with 1 where this machine cannot."""
    os.nice(10)
    django.setup()
    try:
        from bothwell.web import printed
    except OSError:  # a library of the system is missing: docs/running.md
        sys.exit(1)
    sys.stdout.buffer.write(printed.pdf(sys.stdin.buffer.read().decode()))


if __name__ == "__main__":
    main()
