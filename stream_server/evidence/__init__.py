"""Evidence bundles: what was seen around an alert, kept so that later changes can be noticed."""
