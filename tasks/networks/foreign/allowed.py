"""What a configuration may name: every layer, initialiser, function and operator that a model file can bring to life.

All else is refused before anything is built. Nothing here reads a file, holds code, or calls what it is given the name
of. To allow one more, see that this holds for its `__init__`, `from_config`, `build` and `call` with any arguments.
"""

from __future__ import annotations


def _of_each_rank(*names: str, ranks: str = "123") -> set[str]:
    return {f"{name}{rank}D" for name in names for rank in ranks}


MODELS = {"Functional", "Sequential", "Model"}
"""Kinds of model that a configuration rebuilds."""

CODE = {
    *("Lambda", "__lambda__", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"),
    *("ClassMethod", "InstanceMethod", "InstanceProperty"),
}
"""Layers that run what the file holds, or call a function that it names."""

READS_FILES = {
    *("StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup", "PreprocessingLayer"),
    *("Hashing", "HashedCrossing", "CategoryEncoding", "Discretization", "DenseFeatures", "SequenceFeatures"),
}
"""Layers of words and tables: some open a file that their configuration names, none has a use on numbers."""

ACTIVATION_LAYERS = {"ReLU", "LeakyReLU", "ELU", "Softmax", "ThresholdedReLU"}
"""Layers without weights that may stand in the place of an activation function."""

WRAPPERS = {"TimeDistributed": ("layer",), "Bidirectional": ("layer", "backward_layer")}
"""Layers that hold others, and the keys under which."""

LAYERS = {
    *("InputLayer", "Identity", "Activation", "PReLU", *ACTIVATION_LAYERS),
    *("Dense", "EinsumDense", "Embedding", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"),
    *_of_each_rank("Conv", "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"),
    *_of_each_rank("Cropping", "UpSampling", "ZeroPadding", "SpatialDropout"),
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    *("BatchNormalization", "LayerNormalization", "GroupNormalization"),
    *("UnitNormalization", "Normalization", "Rescaling", "Resizing", "CenterCrop"),
    *("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
    *("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation"),
    *("RandomZoom", "RandomHeight", "RandomWidth"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"),
    *("Attention", "AdditiveAttention", "MultiHeadAttention", "LSTM", "GRU", "SimpleRNN", "Masking"),
    *("Flatten", "Reshape", "Permute", "RepeatVector", *WRAPPERS),
}

INITIALIZERS = {
    *("Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"),
    *("Orthogonal", "Identity", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal"),
    *("LecunUniform", "OrthogonalInitializer", "IdentityInitializer"),
    *("zeros", "ones", "constant", "random_normal", "random_uniform", "truncated_normal", "variance_scaling"),
    *("orthogonal", "identity", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"),
    *("lecun_uniform", "zero", "one", "uniform", "normal"),
}
REGULARIZERS = {"L1", "L2", "L1L2", "OrthogonalRegularizer", "l1", "l2", "l1_l2", "orthogonal_regularizer"}
CONSTRAINTS = {
    *("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "RadialConstraint"),
    *("max_norm", "min_max_norm", "non_neg", "unit_norm", "radial_constraint"),
}
ACTIVATIONS = {
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish", "exponential"),
    *("sigmoid", "hard_sigmoid", "tanh", "softplus", "softsign", "softmax", "log_softmax"),
    *("hard_sigmoid_keras3", "hard_silu_keras3"),
}
"""Functions of tf_keras, and those that `featherline.tasks.networks.foreign.activations` has of Keras 3."""

ACTIVATIONS_OF_KERAS_3 = {"hard_silu", "hard_swish"}
"""Those that only Keras 3 has, under its own names."""

FLOATS = {"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"}
"""Number types and policies that are rebuilt in float32."""
OTHER_TYPES = {"uint8", "int8", "int16", "int32", "int64"}
"""Types of an input: the same numbers are given as float32."""

OPERATIONS = {"TFOpLambda", "SlicingOpLambda"}
"""Layers that Keras makes of a TensorFlow function, named by its symbol."""

OPERATORS = {
    *("identity", "cast", "concat", "reshape", "transpose", "expand_dims", "squeeze", "clip_by_value", "pad"),
    *("__operators__.add", "__operators__.getitem"),
    *(
        f"math.{name}"
        for name in (
            *(
                "abs",
                "add",
                "add_n",
                "divide",
                "divide_no_nan",
                "exp",
                "log",
                "log1p",
                "maximum",
                "minimum",
                "multiply",
            ),
            *("negative", "pow", "rsqrt", "sigmoid", "softplus", "sqrt", "square", "squared_difference", "subtract"),
            *("tanh", "truediv", "reduce_mean", "reduce_max", "reduce_min", "reduce_sum", "l2_normalize", "sign"),
            *("reciprocal", "erf", "softsign", "floor", "round", "sin", "cos", "lgamma", "digamma"),
        )
    ),
    *("linalg.matmul", "linalg.l2_normalize", "image.resize", "compat.v1.image.resize_nearest_neighbor"),
    *(
        f"nn.{name}"
        for name in (
            *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softmax", "log_softmax", "softsign"),
            *("avg_pool", "max_pool", "avg_pool2d", "max_pool2d", "bias_add", "l2_normalize", "depth_to_space"),
            *("space_to_depth",),
        )
    ),
    *("sigmoid", "tanh", "nn.sigmoid", "nn.tanh", "math.softmax"),
}
"""Symbols of TensorFlow functions that give numbers for numbers and do nothing else."""

QUANTIZED_LAYERS = {"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"}
QUANTIZE_CONFIGS = {
    f"Default8Bit{name}QuantizeConfig" for name in ("", "Conv", "ConvTranspose", "Activation", "Output")
} | {"NoOpQuantizeConfig", "OutputOnlyConfig", "FixedQuantizeConfig", "Default8BitQuantizeConfigRNN"}
QUANTIZERS = {
    *("LastValueQuantizer", "AllValuesQuantizer", "MovingAverageQuantizer", "FixedQuantizer", "NoQuantizer"),
    "Default8BitConvWeightsQuantizer",
}
QUANTIZED_ACTIVATIONS = {"QuantizeAwareActivation", "NoOpActivation"}
QUANTIZED_ATTRIBUTES = {"kernel", "depthwise_kernel", "pointwise_kernel", "activation"}
"""Of TFMOT, in models of our own only: attributes of a layer by these names are replaced by rounded ones."""

OPERATIONS_OF_KERAS_3 = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Negative", "Absolute", "Abs"),
    *("Square", "Sqrt", "Exp", "Relu", "Relu6", "Sigmoid", "Tanh", "Silu", "Elu", "Softplus"),
    *("HardSigmoid", "HardSilu", "Softmax"),
}
"""What of `keras.src.ops` has an equal in TensorFlow: `foreign.operations` says which."""
