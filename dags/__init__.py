"""The pipelines that Airflow loads."""
