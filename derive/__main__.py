"""Run the command as `python -m derive`."""

from derive.cli import command

if __name__ == "__main__":
    raise SystemExit(command())
