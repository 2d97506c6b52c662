"""Classifiers: one adapter a file, `build(card, device)`."""
