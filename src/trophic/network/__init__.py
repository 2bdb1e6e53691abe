"""The network: a block-sparse recurrent learner with local credit on three levels and growing wiring.

topology    which block hears which: padded slots, initial weights
dynamics    the forward step of leaky tanh neurons
credit      spatial (feedback weights) and temporal (traces) credit
trophic_map where an edge would help, learned for pairs that are not connected
plasticity  how a weight changes
structure   when edges are born and die; edges: how
readout     NLMS, block-RLS, RLS and ridge
homeostasis, protection   bias drift; blocks that inactive heads read from
state, model  `NetworkState`; `Network` and its Info; published: the paper's own configuration
"""
