"""Answers that are objects of a type."""

# Not lazy: the module `generate` would take the place of the function.
from .generate import Generated as Generated
from .generate import ObjectStream as ObjectStream
from .generate import generate as generate
from .generate import stream_generate as stream_generate
