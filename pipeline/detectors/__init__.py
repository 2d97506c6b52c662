"""Face detectors: one adapter a file, `build(card, device)`."""
