"""Floor 2: bytes to frozen values and back. One module per format, each with its page in ``docs/spec/``; no I/O."""
