"""Network builders: from an input shape, a number of classes and options to a tf_keras model of logits."""
