"""All that reaches into private names of CPython's standard library, with the reason; one contract test holds each.

``tests/wire/_internal/test_cpython_contract.py`` says which assumption broke when a new Python changes one of them.
"""
