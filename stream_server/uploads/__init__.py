"""Uploaded files: taken in, queued, analysed in a process of their own."""
