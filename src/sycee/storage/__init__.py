"""Floor 5: places that keep objects. One port, one module per kind of place, one test suite for all of them."""
