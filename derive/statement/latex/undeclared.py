"""What is read but not declared: the declarations that are proposed for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from derive.statement.language.syntax import Name, Number
from derive.statement.latex.names import Known
from derive.statement.latex.symbols import Binding, Unknown
from derive.text.user_text import listed

#: The letters of sizes that are proposed, in order.
_SIZES = "nhkpqrsuvcd"
MAX_PROPOSED = 50
_INPUTS, _SAMPLES = ("x", "u"), ("m",)


class Undeclared:
    """What is not declared; ``reads`` are all reads of known names, and ``left`` the bindings of left sides."""

    def __init__(
        self,
        unknown: Sequence[Unknown],
        reads: Sequence[tuple[str, tuple[Binding | None, ...]]],
        left: Mapping[str, Sequence[Binding]],
        known: Mapping[str, Known],
    ) -> None:
        self.unknown: dict[str, Unknown] = {}
        for each in unknown:
            if len(self.unknown) < MAX_PROPOSED:
                self.unknown.setdefault(each.name, each)
        self.sized = {each.name for each in unknown if each.size}
        self.elsewhere = {each.name for each in unknown if not each.error}
        self.known = known
        self.parents: dict[object, object] = {}
        self.said: dict[object, str] = {}
        self.letters: set[str] = set()
        for each in unknown:
            self._join(each.name, each.indices)
        for name, bindings in (*reads, *left.items()):
            self._join(name, tuple(bindings))
        for name, declared in known.items():
            for n, size in enumerate(declared.sizes[: declared.arity]):
                if isinstance(size, Name | Number):
                    self.said[self._root((name, n))] = size.name if isinstance(size, Name) else str(size.value)

    def _join(self, name: str, bindings: tuple[Binding | None, ...]) -> None:
        for n, binding in enumerate(bindings):
            if binding is None:
                continue
            self.letters.add(binding.letter)
            one, other = self._root((name, n)), self._root(id(binding))
            said = binding.size or self.said.get(other, "") or self.said.get(one, "")
            self.parents[one] = other
            if said:
                self.said[other] = said

    def _root(self, key: object) -> object:
        while (parent := self.parents.get(key, key)) != key:
            self.parents[key] = self.parents.get(parent, parent)
            key = parent
        return key

    def message(self) -> str:
        """One sentence that lists what is not declared, and the lines to add."""
        names = [self._counted(each) for each in self.unknown.values()]
        verb = "is" if len(names) == 1 else "are"
        lines = "".join(f"\n    % {line}" for line in self._lines())
        return f"{listed(names)} {verb} not declared: add what is meant, such as the lines{lines}"

    def _counted(self, each: Unknown) -> str:
        if self._is_size(each):
            return f"the size {each.name}"
        number = len(each.indices)
        return each.name if not number else f"{each.name} ({number} ind{'ex' if number == 1 else 'ices'})"

    def _lines(self) -> Iterator[str]:
        sizes = [each.name for each in self.unknown.values() if self._is_size(each)]
        taken = {*self.unknown, *self.known, *self.letters}
        free = (letter for letter in _SIZES if letter not in taken)
        shaped = dict[str, list[str]]()
        for each in self.unknown.values():
            if self._is_size(each):
                continue
            shaped[each.name] = []
            for n in range(len(each.indices)):
                root = self._root((each.name, n))
                if root not in self.said:
                    self.said[root] = next(free, f"n{len(self.said)}")
                    sizes.append(self.said[root])
                shaped[each.name].append(self.said[root])
        samples = [s for s in sizes if s in _SAMPLES and s not in self.known]
        plain = [s for s in dict.fromkeys(sizes) if s not in samples]
        if samples:
            yield f"samples {samples[0]}"
        if plain:
            yield f"size {', '.join(plain)}"
        kinds = {name: self._kind(name) for name in shaped}
        for kind in ("input", "target", "recurrent", "parameter"):
            found = [self._shape(name, shaped[name]) for name in shaped if kinds[name] == kind]
            if found:
                yield f"{kind} {', '.join(found)}"
        constants = [f"{name} = 0.1" for name in shaped if kinds[name] == "constant"]
        if constants:
            yield f"constant {', '.join(constants)}"

    def _is_size(self, each: Unknown) -> bool:
        return each.name in self.sized and not each.indices

    def _shape(self, name: str, sizes: list[str]) -> str:
        return f"{name}[{', '.join(sizes)}]" if sizes else name

    def _kind(self, name: str) -> str:
        if self.unknown[name].recurrent:
            return "recurrent"
        letter = name.partition("_")[0].rstrip("0123456789")
        if letter in _INPUTS:
            return "input"
        if name not in self.elsewhere and (self.unknown[name].indices or letter in ("y", "t")):
            return "target"
        if not self.unknown[name].indices and (len(letter) > 1 or not letter.isascii()):
            return "constant"
        return "parameter"
