"""Who signs, and the signing of a model's folder."""
