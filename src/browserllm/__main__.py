"""``python -m browserllm`` is the command ``browserllm``."""

from .cli import main

if __name__ == "__main__":
    main()
