"""Trains one small network on the digits: 64 pixels, one hidden layer or none, ten probabilities.

Plain TensorFlow without Keras: three hundred steps on the whole data set take about a second, and the saved
graph stays small enough to read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tensorflow as tf

from e2e.models.data import CLASSES, MOST_INK, PIXELS, Digits


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained. `hidden` 0 means a linear model. `digits`: on these alone."""

    hidden: int
    steps: int
    seed: int
    digits: tuple[int, ...] = tuple(range(CLASSES))


class Network(tf.Module):  # type: ignore[misc]
    """Weights and the forward pass, without any signature: graphs.py adds those."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(name="network")
        sizes = [PIXELS, recipe.hidden, CLASSES] if recipe.hidden else [PIXELS, CLASSES]
        generator = np.random.default_rng(recipe.seed)
        self.kernels = [
            tf.Variable(generator.normal(0, rows**-0.5, (rows, columns)).astype(np.float32), name=f"kernel_{layer}")
            for layer, (rows, columns) in enumerate(pairwise(sizes))
        ]
        self.biases = [
            tf.Variable(np.zeros(size, np.float32), name=f"bias_{layer}") for layer, size in enumerate(sizes[1:])
        ]

    def logits(self, pixels: tf.Tensor) -> tf.Tensor:
        """Scores [rows, 10] of pixels [rows, 64] of 0..16."""
        values = pixels / MOST_INK
        for layer, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            values = (tf.nn.relu(values) if layer else values) @ kernel + bias
        return values


def train(recipe: Recipe, digits: Digits) -> Network:
    """A network after `recipe.steps` steps of Adam over all rows of its digits at once; the same recipe gives the
    same weights."""
    network = Network(recipe)
    variables = network.trainable_variables
    means = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    squares = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    known = np.isin(digits.labels, recipe.digits)
    pixels, labels = tf.constant(digits.pixels[known]), tf.constant(digits.labels[known])

    @tf.function  # type: ignore[untyped-decorator]
    def step(number: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network.logits(pixels))
            loss = tf.reduce_mean(losses)
        for variable, gradient, mean, square in zip(
            variables, tape.gradient(loss, variables), means, squares, strict=True
        ):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient**2)
            unbiased = mean / (1 - 0.9**number)
            variable.assign_sub(0.02 * unbiased / (tf.sqrt(square / (1 - 0.999**number)) + 1e-7))

    for number in range(1, recipe.steps + 1):
        step(tf.constant(float(number)))
    return network


def accuracy(probabilities: Callable[[tf.Tensor], tf.Tensor], digits: Digits) -> float:
    """The share of rows whose digit has the highest probability, 0 to 1."""
    named = tf.argmax(probabilities(tf.constant(digits.pixels)), axis=1)
    return float(tf.reduce_mean(tf.cast(named == digits.labels, tf.float32)))
