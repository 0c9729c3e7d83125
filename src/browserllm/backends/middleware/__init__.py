"""Middleware: backends that wrap a backend, each changing one thing. `docs/middleware.md` explains the order."""

from .budget import Allowance as Allowance
from .budget import Budget as Budget
from .budget import Spent as Spent
from .cache import ResponseCache as ResponseCache
from .detectors import DETECTORS as DETECTORS
from .detectors import Span as Span
from .detectors import find_named_secrets as find_named_secrets
from .limits import TimeLimits as TimeLimits
from .logging import Logging as Logging
from .redaction import Redaction as Redaction
from .retry import Retry as Retry
from .telemetry import Telemetry as Telemetry
from .telemetry_models import observe_models as observe_models
