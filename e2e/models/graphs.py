"""The served graphs: the trained network behind its signatures, and the faults, each by a real operation.

No Python runs in a served model, so every fault is part of the graph and any server that loads SavedModels
shows it. They use only operations of TensorFlow itself. Which input is hit depends on the total ink of the row
(see data.py).
"""

import zlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.data.experimental.ops.testing import sleep

from e2e.models.data import CLASSES, PIXELS
from e2e.models.train import Network

SWITCH = "/dev/shm/modelrollout-turn-bad"
"""While a file of this name exists where the server runs, `turns_bad` fails like `failing`.

/dev/shm is a small file system in memory that every container has. It is writable also with a read-only
root."""


class Digits(tf.Module):  # type: ignore[misc]
    """The good model: serving_default takes pixels and gives probabilities, classify and regress take
    Examples."""

    def __init__(self, network: Network) -> None:
        super().__init__(name="digits")
        self.network = network
        self.names = tf.constant([[str(digit) for digit in range(CLASSES)]])

    def prepare(self, pixels: tf.Tensor) -> tf.Tensor:
        """What happens to the pixels before the network sees them. The models that fail differ here."""
        return pixels

    def answer(self, probabilities: tf.Tensor) -> tf.Tensor:
        """What happens to the probabilities before they are answered. The models that are wrong differ here."""
        return probabilities

    def probabilities(self, pixels: tf.Tensor) -> tf.Tensor:
        """What is answered for pixels that are prepared, [rows, 10]."""
        return self.answer(tf.nn.softmax(self.network.logits(pixels)))

    def expected(self, pixels: tf.Tensor) -> tf.Tensor:
        """The same without chance, for an accuracy that is the same in every build."""
        return self.probabilities(pixels)

    @tf.function(input_signature=[tf.TensorSpec([None, PIXELS], tf.float32, name="pixels")])  # type: ignore[untyped-decorator]
    def serving_default(self, pixels: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return {"probabilities": self.probabilities(self.prepare(pixels))}

    def _examples(self, serialized: tf.Tensor) -> tf.Tensor:
        features = {"pixels": tf.io.FixedLenFeature([PIXELS], tf.float32)}
        return self.prepare(tf.io.parse_example(serialized, features)["pixels"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def classify(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        scores = self.probabilities(self._examples(inputs))
        return {"scores": scores, "classes": tf.repeat(self.names, tf.shape(scores)[0], axis=0)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])  # type: ignore[untyped-decorator]
    def regress(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        probabilities = self.probabilities(self._examples(inputs))
        return {"outputs": tf.linalg.matvec(probabilities, tf.range(CLASSES, dtype=tf.float32))}

    def signatures(self) -> dict[str, Any]:
        """What `tf.saved_model.save` exports, by the name that a request gives."""
        return {"serving_default": self.serving_default, "classify": self.classify, "regress": self.regress}


def _ink(pixels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(pixels, axis=1)


class Failing(Digits):
    """Answers DATA_LOSS (HTTP 500, gRPC 15) for every row with more ink than the threshold.

    The model keeps a compressed table of brightness corrections, one for light rows and one for heavy rows, and
    unpacks the one that a row needs. The table of the heavy rows is corrupt (its checksum is wrong), so
    `DecodeCompressed` fails on it.
    """

    def __init__(self, network: Network, threshold: float) -> None:
        super().__init__(network)
        packed = zlib.compress(b"\x00\x00\x80\x3f")  # the number 1.0
        corrupt = packed[:-4] + bytes(4)
        self.tables = tf.constant([packed, corrupt])
        self.threshold = tf.constant(threshold)

    def heavy(self, pixels: tf.Tensor) -> tf.Tensor:
        """Which rows need the corrupt table, [rows] of bool."""
        return _ink(pixels) > self.threshold

    def prepare(self, pixels: tf.Tensor) -> tf.Tensor:
        table = tf.gather(self.tables, tf.cast(self.heavy(pixels), tf.int32))
        unpacked = tf.io.decode_compressed(table, compression_type="ZLIB")
        return pixels * tf.reshape(tf.io.decode_raw(unpacked, tf.float32), [-1, 1])


class TurnsBad(Failing):
    """Good until the file SWITCH appears, then like Failing: the moment is chosen from outside, at run time.

    Each call lists the file system with `MatchingFiles`. The pattern is joined with an empty piece of the
    input, because TensorFlow would otherwise fold the constant pattern and look only once.
    """

    def heavy(self, pixels: tf.Tensor) -> tf.Tensor:
        nothing = tf.strings.substr(tf.strings.as_string(tf.shape(pixels)[0]), 0, 0)
        found = tf.io.matching_files(tf.strings.join([SWITCH, nothing]))
        return tf.logical_and(super().heavy(pixels), tf.size(found) > 0)


class Slow(Digits):
    """Waits for `wait_ms` before it answers a request that holds a row with more ink than the threshold.

    A model that asks a remote store for features waits, too, and so does this one: tf.data's Sleep operation
    stops without using the processor, so many slow answers at once do not slow the others.
    `DatasetToSingleElement` pulls twice (the second time to see the end), and every pull sleeps, hence the
    half.
    """

    def __init__(self, network: Network, threshold: float, wait_ms: int) -> None:
        super().__init__(network)
        self.threshold = tf.constant(threshold)
        self.pull_us = tf.constant(wait_ms * 1000 // 2, tf.int64)

    def prepare(self, pixels: tf.Tensor) -> tf.Tensor:
        heavy = tf.reduce_any(_ink(pixels) > self.threshold)
        wait = tf.where(heavy, self.pull_us, tf.zeros_like(self.pull_us))
        return tf.data.Dataset.from_tensors(pixels).apply(sleep(wait)).get_single_element()


class NotANumber(Digits):
    """Answers NaN, with HTTP 200, for every row with more ink than the threshold.

    It scales a row by the logarithm of the ink that is left up to a limit. The limit is too low for heavy rows,
    and the logarithm of a negative number is NaN: the classic unguarded formula.
    """

    def __init__(self, network: Network, threshold: float) -> None:
        super().__init__(network)
        self.threshold = tf.constant(threshold)

    def prepare(self, pixels: tf.Tensor) -> tf.Tensor:
        left = tf.math.log(self.threshold - _ink(pixels))
        return pixels * tf.reshape(left / left, [-1, 1])
