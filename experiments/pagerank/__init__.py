"""PageRank over a real graph, by one worker per compute blade, with all data in rack memory."""
