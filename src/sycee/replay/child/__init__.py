"""What runs in the process of a replay: the standard library only, Python 3.9 and newer, nothing else of sycee.

:mod:`sycee.replay.worker` loads this folder by its path, in any Python, under a name of its own; sycee imports it as a
package, so that the code that makes a record when a model is frozen is the code that makes it again when it is
replayed. That is why the modules here name each other relatively.
"""
