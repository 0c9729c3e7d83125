"""All code that uses private names of CPython's standard library, and why; a contract test checks each use.

``tests/wire/_internal/test_cpython_contract.py`` says which assumption broke when a new Python changes one of them.
"""
