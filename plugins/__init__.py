"""What Airflow gains from Featherline. Imported as `plugins.*`; Airflow itself loads `featherline_plugin.py` alone."""
