"""Floor 7: golden samples: record them, run them in a process of its own, compare what comes out.

Nothing here knows of repositories; :mod:`sycee.ops` brings the verified folder.
"""
