"""The page's engines: one module for each, and a registry for the rest of the package.

To add one, write an `Engine` and `register` it::

    class Mine(Engine):
        name = "mine"
        devices = ("webgpu",)
        caches = ("mine",)

        async def list_files(self, host, artifact, *, refresh=False): ...

    engines.register(Mine())

Cards may then have artifacts for it, which are listed, judged, downloaded and loaded like any other. A page has the
engine if its ``hello`` names it.
"""

from .engine import Capability as Capability
from .engine import Engine as Engine
from .engine import Folder as Folder
from .engine import FolderOptions as FolderOptions
from .files import FileHash as FileHash
from .files import FileList as FileList
from .files import ModelFile as ModelFile
from .registry import devices as devices
from .registry import find as find
from .registry import get as get
from .registry import is_here as is_here
from .registry import keeps_files as keeps_files
from .registry import known as known
from .registry import list_files as list_files
from .registry import names as names
from .registry import rank as rank
from .registry import register as register
from .registry import unregister as unregister
