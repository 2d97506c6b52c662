"""From a user's own genuine recordings to thresholds with a known rate of false alarms."""
