"""How a step is run: the shell, the step cache, what it reads outside its inputs, and child processes."""
