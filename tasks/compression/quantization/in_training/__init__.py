"""What `featherline.tasks.steps.quantize` is made of.

    weight clustering ──► few distinct weights
    coverage ──► qat (activations, cluster_preserving) ──► ranges ──► a model for quantization-aware training

Post-training schemes need nothing here: the converter does them (`featherline.tasks.steps.export`).
"""
