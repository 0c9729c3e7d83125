"""The wheel's build hooks: the site that goes into `browserllm/static` (see web/build_site.py), and the description."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


def site_builder(root: Path) -> ModuleType:
    """web/build_site.py as a module; it is a script beside the TypeScript, not part of any package."""
    spec = importlib.util.spec_from_file_location("build_site", root / "web" / "build_site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_site"] = module
    spec.loader.exec_module(module)
    return module


class SiteBuildHook(BuildHookInterface[Any]):
    """Runs the site build before the wheel is packed; an sdist carries the sources instead."""

    def dependencies(self) -> list[str]:
        """pip fetches the page's Python wheels; Node comes from PyPI when PATH has none that is new enough."""
        if sys.version_info < (3, 11):  # noqa: UP036 (an older Python can run this, and is told so)
            # Before anything is fetched: pip itself notices only when it looks for what this package depends on.
            running = ".".join(map(str, sys.version_info[:3]))
            raise RuntimeError(f"browserllm needs Python 3.11 or newer, and this is {running}: use a newer one")
        if self.target_name != "wheel":
            return []
        builder = site_builder(Path(self.root))
        return ["pip>=23.2", *([] if builder.node_on_path() else [builder.NODE_FROM_PYPI])]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the site and pack it as `browserllm/static`; an editable install uses it where it lies."""
        if self.target_name != "wheel":
            return
        site_builder(Path(self.root)).build_site()
        if version != "editable":
            build_data["force_include"]["src/browserllm/static"] = "browserllm/static"


def for_package_index(readme: str) -> str:
    """README.md without what leads into the checkout: on the package index such links and pictures are broken.

    A link keeps its text; a paragraph that begins with a picture is left out.
    """
    text = re.sub(r"^!\[[^\]]*\]\(.*?(?:\n\n|\Z)", "", readme, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\((?![a-z]+:)[^)]*\)", r"\1", text)


class DescriptionHook(MetadataHookInterface):
    """Makes the package's description of README.md."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set what pyproject.toml calls dynamic."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_package_index(text)}
