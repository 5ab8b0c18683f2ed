"""What `tasks.prune` is made of.

    groups ──► criteria ──► widths ──► surgery        channel: the model gets physically smaller
    sparse ──► zeros                                  magnitude, 2:4: the model keeps its shape and gains zeros

`channel` puts the first row together; `zeros` is also what later steps keep the zeros with.
"""
