"""The Python test suite: conformance, faults, typing and soak."""
