"""A stand-in for `tensorflow/serving`, for machines that cannot pull that image. It is NOT TensorFlow Serving.

It serves real SavedModels by TensorFlow's own C library, with TensorFlow Serving's REST, gRPC and metrics
surface, its version directories, model config, labels and life cycle. README.md says what is the same and what
is not.
"""
