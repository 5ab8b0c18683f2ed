"""What a run does, step by step. Knows nothing of Airflow."""
