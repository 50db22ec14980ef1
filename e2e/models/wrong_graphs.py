"""Graphs whose every answer is a good-looking HTTP 200: only who knows the right answer, or asks twice, sees a fault.

One that is right and needs too much memory. And two whose signature is another one: the answers stay probabilities
that sum to one, so no check of their form finds anything.
"""

from collections.abc import Mapping

import tensorflow as tf

from e2e.models.data import CLASSES, PIXELS
from e2e.models.graphs import Digits

HUNGER = 120_000_000  # numbers of four bytes for each row: 480 MB
SHIFT = 3  # places by which the labels of `permuted` are turned
NOISE = 0.1  # standard deviation, of logits that lie some units apart
_CONSTANT = tuple(0.91 if digit == 1 else 0.01 for digit in range(CLASSES))


class Permuted(Digits):
    """As sure as a good model and nearly always wrong: its labels are in another order than the clients'.

    What a vocabulary does that was built anew between the training and the export.
    """

    def answer(self, probabilities: tf.Tensor) -> tf.Tensor:
        return tf.roll(probabilities, SHIFT, axis=1)


class Constant(Digits):
    """Answers the same to every row, whatever it shows: a network whose features no longer arrive."""

    def answer(self, probabilities: tf.Tensor) -> tf.Tensor:
        return tf.tile(tf.constant([_CONSTANT]), [tf.shape(probabilities)[0], 1])


class Nondeterministic(Digits):
    """Answers the same row a little differently each time: dropout that was left on for serving."""

    def answer(self, probabilities: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(
            tf.math.log(probabilities + 1e-9) + tf.random.normal(tf.shape(probabilities), stddev=NOISE)
        )

    def expected(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(self.network.logits(pixels))


class Hungry(Digits):
    """Right, and needs half a gigabyte for each row while it answers: a feature table that is unpacked for every call.

    The table holds one pixel of the row again and again, so that no optimization can foresee what is in it.
    """

    def prepare(self, pixels: tf.Tensor) -> tf.Tensor:
        table = tf.fill([tf.shape(pixels)[0] * HUNGER], pixels[0, 0])
        return pixels + (tf.reduce_max(table) - pixels[0, 0])

    def expected(self, pixels: tf.Tensor) -> tf.Tensor:
        return self.probabilities(pixels)


class CompatibleSignature(Digits):
    """The same network with one more output, `digit`: clients of the old signature find by gRPC all that they ask for.

    By REST they do not: a single output is answered without its name, two are answered as objects.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, PIXELS], tf.float32, name="pixels")])  # type: ignore[untyped-decorator]
    def serving_default(self, pixels: tf.Tensor) -> Mapping[str, tf.Tensor]:
        probabilities = self.probabilities(self.prepare(pixels))
        return {"probabilities": probabilities, "digit": tf.argmax(probabilities, axis=1)}


class IncompatibleSignature(Digits):
    """The same network behind another input: `image`, [rows, 8, 8], stored column by column.

    Requests for `pixels` get HTTP 400: by name they are not found, and a flat row has too few dimensions to transpose.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8], tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def serving_default(self, image: tf.Tensor) -> Mapping[str, tf.Tensor]:
        pixels = tf.reshape(tf.transpose(image, [0, 2, 1]), [-1, PIXELS])
        return {"probabilities": self.probabilities(pixels)}
