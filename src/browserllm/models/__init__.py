"""The models on the device: what there is (`Catalog`), what of it is here and what is in memory (`ModelManager`)."""

from .catalog.card import Artifact as Artifact
from .catalog.card import ModelCard as ModelCard
from .catalog.catalog import Catalog as Catalog
from .catalog.entry import ModelEntry as ModelEntry
from .events import ModelEvent as ModelEvent
from .fit import Fit as Fit
from .fit import Reason as Reason
from .loading import LoadedModel as LoadedModel
from .manager import ModelManager as ModelManager
from .storage import EvictionPlan as EvictionPlan
from .storage import Storage as Storage
from .storage import StoredModel as StoredModel
