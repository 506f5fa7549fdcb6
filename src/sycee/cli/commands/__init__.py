"""One file per verb, each with a click command called ``command``; listed in :mod:`sycee.cli.main`."""
