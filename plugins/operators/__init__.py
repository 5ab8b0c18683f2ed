"""How a step of `tasks/` becomes a task of Airflow: the factory, what the runtimes share, and the runtimes."""
