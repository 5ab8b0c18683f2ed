"""What a student learns from its teacher: losses on logits and attention maps, and cached logits."""
