"""MIND's control plane: allocation, protection and coherence regions of the rack's shared memory."""
