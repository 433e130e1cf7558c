"""Python source laid out in lines of at most 88 columns, as a formatter leaves it."""

from derive.layout.module import WIDTH, laid_out

__all__ = ["WIDTH", "laid_out"]
