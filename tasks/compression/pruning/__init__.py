"""What `featherline.tasks.steps.prune` is made of.

    groups ──► criteria ──► widths ──► surgery        channel: the model gets physically smaller
    sparse ──► zeros                                  magnitude, 2:4: the model keeps its shape and gains zeros

`channel` puts the first row together, `rounds` repeats it with learning between; `zeros` is also what later steps keep
the zeros with. Channels are followed by `layers` and `operators`, scored by `importance` (weights) or `taylor`
(examples), dealt to groups by one ranking or by `sensitivity`, paid for by `cost` or `latency`; `slimming` goes before
a cut, `statistics` after it.
"""
