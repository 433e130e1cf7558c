"""Python source laid out in lines of at most 88 columns, as a formatter leaves it.

In: Python source.
Out: the same program in lines.
Imports: the standard library only.
"""

from derive.targets.layout.module import WIDTH, laid_out, laid_out_statement

__all__ = ["WIDTH", "laid_out", "laid_out_statement"]
