"""Printers: one function per node kind, nothing else."""
