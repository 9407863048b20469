"""Control planes: they program the rack's switch over P4Runtime."""
