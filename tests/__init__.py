"""Tests: the folder is the layer, see CONTRIBUTING.md."""
