"""The record of a run: how it is kept, repeated and compared.

Nothing here imports the algorithm or the teachers' workshop, and importing a
module starts nothing: no session, no device query, no file.
"""
