"""The evaluation report: figures with intervals, plots and one page that says what they mean."""
