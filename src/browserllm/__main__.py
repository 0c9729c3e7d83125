"""``browserllm``, and ``python -m browserllm``: the command."""

import sys


def main() -> None:
    """Run the command. Ctrl-C ends it without a traceback, also while its modules are imported."""
    try:
        from .cli.main import main as run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
