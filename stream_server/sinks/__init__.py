"""Where alerts go: one file a type."""
