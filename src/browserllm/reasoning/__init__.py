"""Separate a model's thoughts from its answer: the markers around thoughts, and the readers that split on them."""

from .history import with_thoughts as with_thoughts
from .markers import ALL_MARKERS as ALL_MARKERS
from .markers import CLOSING_MARKERS as CLOSING_MARKERS
from .markers import Markers as Markers
from .markers import Thinking as Thinking
from .markers import opens_thought as opens_thought
from .markers import template_opens as template_opens
from .markers import thinking_for as thinking_for
from .reader import ThoughtReader as ThoughtReader
from .splitter import StartsAs as StartsAs
from .splitter import ThoughtSplitter as ThoughtSplitter
