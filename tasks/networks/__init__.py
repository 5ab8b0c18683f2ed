"""What a network will be on a device, told from its Keras model while it can still be changed.

    kernels ──► estimates       bytes of the int8 file and of RAM, from the graph alone
    int8_file                   the file itself, converted in a child process, to be timed

Searching asks it of networks that are not trained, pruning of those that are to be cut.
"""
