"""What a model thinks, told from what it answers: the marks around thoughts, and how an answer is read with them."""

from .history import with_thoughts as with_thoughts
from .marks import CLOSINGS as CLOSINGS
from .marks import GENERAL as GENERAL
from .marks import Marks as Marks
from .marks import Thinking as Thinking
from .marks import opens_thought as opens_thought
from .marks import template_opens as template_opens
from .marks import thinking_of as thinking_of
from .reader import ThoughtReader as ThoughtReader
from .splitter import Begins as Begins
from .splitter import ThoughtSplitter as ThoughtSplitter
