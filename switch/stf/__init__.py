"""STF: the Simple Test Framework of the P4 community, run on a live switch of either target."""
