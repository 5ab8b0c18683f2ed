"""What a Keras layer is, written once: counting, estimates, pruning, weight clustering, int4 and QAT all read it here.

    kind ──► the words of the table      counts ──► products and int8 bytes of one layer
    weighted, weightless ──► the rows    table ──► the row of a layer, or a refusal by name

A new kind of layer is a row. Where a column is left out, what would need it refuses the layer by name.
"""
