"""Floor 6: keys, signatures, and the verifier whose word `load` takes.

Here: a model's folder and how its bytes are read, keys, and the verifier with its steps. In the rooms: ``signing`` (who
signs, and a model's folder), ``policy`` (whose word counts here, and what is remembered), ``loading`` (verified bytes
handed out), ``oms`` (OpenSSF Model Signing of anything). ``signing`` < ``policy`` < the verifier < ``loading``.
"""
