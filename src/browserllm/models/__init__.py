"""The models on the device: what there is (`Catalog`, `ModelCard`) and what is in memory (`ModelManager`)."""

from .card import Artifact as Artifact
from .card import ModelCard as ModelCard
from .catalog import Catalog as Catalog
from .manager import LoadedModel as LoadedModel
from .manager import ModelManager as ModelManager
