"""Measurements: scripts named after what they measure, results as JSON beside them."""
