"""What `featherline.tasks.steps.quantize` is made of.

    weight clustering ──► few distinct weights
    coverage ──► qat (activations, shared) ──► ranges ──► a model to train with its int8 rounding in the loop

Post-training schemes need nothing here: the converter does them (`featherline.tasks.steps.export`).
"""
