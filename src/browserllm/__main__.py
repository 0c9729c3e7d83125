"""``python -m browserllm`` is the command ``browserllm``."""

from .cli.main import main

if __name__ == "__main__":
    main()
