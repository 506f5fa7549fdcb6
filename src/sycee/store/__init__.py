"""Floor 6: objects by digest, in the cache and on remotes, and how they move between the two."""
