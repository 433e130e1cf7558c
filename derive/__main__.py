"""Run the command as `python -m derive`."""

from derive.command.main import command

if __name__ == "__main__":
    raise SystemExit(command())
