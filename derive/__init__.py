"""Derive the equations of a network's learning, to read and to run."""
