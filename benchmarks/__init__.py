"""Speed, memory and requests of Regulars, measured on rehearsed platforms, and segments over a large crowd.

`make bench` runs them all, `python -m benchmarks --only activity` one part.
"""
