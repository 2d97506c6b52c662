"""Training, measuring and exporting models; the service never imports this package."""
