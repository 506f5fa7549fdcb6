"""Floor 3: decisions without I/O. Values in, values out; the same on every machine."""
