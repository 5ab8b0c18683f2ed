"""What every problem's student can learn from its teacher: attention maps, and how logits are cached.

Losses of logits are of a problem: `problems/classification/distillation_losses.py`.
"""
