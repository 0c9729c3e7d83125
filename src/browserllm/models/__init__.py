"""Models on the device: the `Catalog` of known models, and the `ModelManager` that downloads and loads them."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "catalog.card": "Artifact ModelCard",
    "catalog.catalog": "Catalog",
    "catalog.entry": "ModelEntry",
    "downloads.download": "Download DownloadResult",
    "events": "ModelEvent",
    "fit": "Fit Reason",
    "loading": "LoadedModel",
    "manager": "ModelManager",
    "recommend": "Recommendation Tiers",
    "storage": "EvictionPlan Storage StoredModel",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
