"""Landmarkers: one adapter a file, `build(card, device)`; `regions` is what they share."""
