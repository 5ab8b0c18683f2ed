"""What `tasks.quantize` is made of.

    clustering ──► shared weights        coverage ──► aware ──► a model that was trained with its int8 rounding

Post-training schemes need nothing here: the converter does them (`tasks.export`).
"""
