"""A worked example: numbers that are given or drawn, the generated module run on them, its values as printed."""
