"""TensorBoard's event files, written from stored curves: they are there for every objective, whatever ran it.

The format is three small messages that have not changed in years (``Event``, ``Summary`` and the HParams plugin's
``HParamsPluginData``), each in a record with two checksums. A curve becomes one array of such records, all of one
length: a million points take 1.5 seconds. The libraries that write event files build each point as a message of its
own, to a file on disk, which is made for a training loop and not for a server that hands out ten thousand trials.
"""
