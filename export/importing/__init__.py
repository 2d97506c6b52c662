"""Foreign detectors made ours: any of their formats to uint8 BGR crops in, one logit out."""
