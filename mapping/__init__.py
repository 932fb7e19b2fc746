"""What data means: the model, value types, field tables and the pure rules over claims.

Nothing in this room reaches a file, a database, the network or a clock; times and ids come in as arguments.
"""
