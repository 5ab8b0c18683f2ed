"""The steps: a file each, named as the step, whose contracts lie in `contracts/steps/` under the same name."""
