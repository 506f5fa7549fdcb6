"""Floor 7: a repository on disk: its configuration, the pointers in its work tree, and the files they stand for."""
