"""`python -m bothwell`: the same as the command `bothwell`."""

from bothwell.running.cli import main

if __name__ == "__main__":
    main()
