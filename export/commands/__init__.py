"""The verbs of training, one file each; what is heavy is imported only when one runs."""
