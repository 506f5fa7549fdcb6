"""Floor 6: keys, signatures, and the verifier whose word `load` takes."""
