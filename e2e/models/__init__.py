"""The test models: small TensorFlow SavedModels trained on scikit-learn's handwritten digits, some of them bad
on purpose.

Each bad one fails by what its graph really computes, so a server needs no switch of its own to show the fault.
README.md lists the models and says by which operation each of them misbehaves.
"""
