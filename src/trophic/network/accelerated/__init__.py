"""The network's step compiled by JAX, for many seeds and streams at once and for accelerators.

The same rules in the same order as the native engine, under the same names; the two are tested equal. Rules are
written for one stream and mapped over all of them. `Streams` keeps the States of many streams on the device;
``Network(engine="accelerated")`` runs one stream through the same program.

arrays      a State as named arrays and as few flat vectors
dynamics    forward step, traces, forecasts
scaling     units of the channels
learning    readout, feedback, homeostasis, protection
trophic_map, plasticity, structure   as in the native engine
loop        the compiled sample loop
streams     `Streams`
"""

from trophic.network.accelerated.streams import Streams

__all__ = ["Streams"]
