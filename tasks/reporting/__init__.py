"""The report and the model card: what they say, how it is drawn, how it is written."""
