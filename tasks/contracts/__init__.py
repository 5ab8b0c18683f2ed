"""What passes between steps: small frozen models, stdlib and pydantic only, so that Airflow may import them too."""
