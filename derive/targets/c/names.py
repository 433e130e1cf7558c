"""The names in the files of C: those that are reserved in C and C++, and those of a program's tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sympy import Symbol

from derive.calculus.program import Program
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.notation import Notation
from derive.record import record
from derive.targets.names import Names, wanted_name

#: The keywords of C and of C++, and the macros that compilers define.
KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept bitand bitor bool catch char8_t "
    "char16_t char32_t class compl concept consteval constexpr constinit const_cast co_await co_return co_yield "
    "decltype delete dynamic_cast explicit export false friend mutable namespace new noexcept not not_eq nullptr "
    "operator or or_eq private protected public reflexpr reinterpret_cast requires static_assert static_cast "
    "synchronized template this thread_local throw true try typeid typename using virtual wchar_t xor xor_eq "
    "linux unix i386 asm typeof NULL NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL EOF".split()
)
#: The functions of <math.h>, also those that only some systems have; those of <string.h> begin with mem or str.
_MATH = (
    "acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 "
    "log1p log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint "
    "lrint llrint round lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin "
    "fma j0 j1 jn y0 y1 yn gamma drem significand scalb exp10 pow10 sincos finite isinf isnan"
).split()
MATH = frozenset(f"{name}{suffix}" for name in _MATH for suffix in ("", "f", "l"))
OTHERS = frozenset(
    "fpclassify isfinite isnormal signbit isgreater isgreaterequal isless islessequal islessgreater isunordered "
    "signgam math_errhandling float_t double_t memcpy memmove memcmp memset memchr strcpy strncpy strcat strncat "
    "strcmp strncmp strlen strchr strstr size_t ptrdiff_t offsetof max_align_t uint64_t int64_t uint32_t".split()
)
#: The names in the templates of the files.
OWN = frozenset(
    "main real p w g s m data order first held batch epochs epoch count mean seed numbers learning_rate square sign "
    "larger smaller above below log1p_ratio drawn uniform normal bernoulli orthogonal take put get "
    "take_inputs take_targets take_random "
    "forward predicted error backward advance compare".split()
)
#: What the names of variables in functions begin with; a number may follow.
LOCAL = ("at", "product", "sum", "top", "value")


def is_local(name: str) -> bool:
    """Whether a name is one that a function may give to a variable of its own."""
    return len(name.rstrip("0123456789")) == 1 or name.rstrip("0123456789") in LOCAL


class CNames(Names):
    """Assigns unique names in C."""

    def __init__(self) -> None:
        super().__init__((*KEYWORDS, *MATH, *OTHERS, *OWN))

    def fresh(self, wanted: str) -> str:
        """The wanted name in ASCII, with an underscore if it is reserved and a number if it is taken."""
        plain = in_ascii(wanted)
        return super().fresh(f"{plain}_" if is_local(plain) else plain)


@record
class CodeNames:
    """The names of a program's tensors in their structs, of its numbers, and of its widths; the source of others."""

    members: Mapping[str, str]
    numbers: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Names


def c_names(program: Program, notation: Notation, numbers: Mapping[str, str], prefix: str) -> CodeNames:
    """Assign the names; ``numbers`` are the names that are wanted for the numbers of a step."""
    functions, members = CNames(), Names((*KEYWORDS, "m", "random", "slopes"))
    replaced = {t.name: t.replaces.name for t in program.tensors.values() if t.replaces}
    wanted = {
        t.name: wanted_name(t, notation)
        for t in program.tensors.values()
        if t.name not in replaced and t.name not in numbers
    }
    alike = Counter(wanted.values())
    ascii_ = {n: in_ascii(w if alike[w] == 1 else n) for n, w in wanted.items()}
    found = members.several(ascii_)
    found |= {new: found[old] for new, old in replaced.items() if old in found}
    rate = LEARNING_RATE.name
    named = {name: functions.fresh(text) for name, text in numbers.items() if name != rate} | {rate: "learning_rate"}
    widths = {s: f"{prefix}_SIZE_{in_ascii(s.name)}" for s in program.extents}
    return CodeNames(found, named, widths, functions)


def in_ascii(name: str) -> str:
    """A name without characters other than those of ASCII."""
    return "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
