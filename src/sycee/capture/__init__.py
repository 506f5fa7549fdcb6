"""Floor 6: what of this process and machine belongs to a model: packages, frameworks, seeds, configuration, code, data.

Every step may fail without harm: a failing one becomes a warning in the card (:mod:`sycee.capture.steps`), since a
training that took a week must not be lost for a broken metadata file.
"""
