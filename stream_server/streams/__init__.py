"""Streams at run time: the registry, and everything one running stream is made of."""
