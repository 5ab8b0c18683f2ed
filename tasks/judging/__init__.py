"""What the gates are made of: expectations, findings, verdicts, and the rules for data and for measured files."""
