"""Structured output: answers that are objects of a type."""

# Not lazy: the module `generate` would shadow the function.
from .generate import generate as generate
from .generate import stream_generate as stream_generate
from .object_stream import Generated as Generated
from .object_stream import ObjectStream as ObjectStream
