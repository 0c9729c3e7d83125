"""With BROWSERLLM_AMPLIFIER_ENGINE=python these tests run on our engine instead of amplifier-core's native one."""

from __future__ import annotations

import os

from browserllm.amplifier.install import install_engine

if os.environ.get("BROWSERLLM_AMPLIFIER_ENGINE") == "python":
    install_engine(force=True)
