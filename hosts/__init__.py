"""Endpoint hosts: what compute and memory blades run themselves."""
