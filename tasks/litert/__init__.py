"""The `.tflite` file: converting to it, reading and writing it, and running it."""
