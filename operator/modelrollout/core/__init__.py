"""The pure core: values in, values out. No clock, no input or output, no randomness; a linter keeps it so.

``decide`` is one pass. Its steps are the folders here, in this order:

    accept     which spec to go by, and what has to be found out
    recover    a status that was lost is made anew from what the cluster shows
    observed   what was seen of pods and digests goes into the status
    command    a person's word, once
    judge      new samples to evidence, evidence to verdicts, for each arm (with the arithmetic of ``evidence``)
    safety     must traffic leave an arm? Asked before anything that could fail
    progress   the strategy's next route, as far as the guards let it
    report     phase, sentences, columns, conditions

``observation`` and ``plan`` are what comes in and what goes out; ``pass_state`` is what the steps hand on.
"""
