"""OpenSSF Model Signing of any folder or file, by keys and certificates."""
