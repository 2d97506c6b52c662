"""The HTTP resources: one file each; parse, call, answer."""
