"""The compute blade: the pager in C, and its Python face."""
