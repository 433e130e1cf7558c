"""The table of keys: it names the arguments of a network, with the values that they have if nothing is said."""

from __future__ import annotations

import inspect

from derive.command.options import parser
from derive.statement.network import KEYS, Network


def test_the_keys_are_the_arguments_with_their_defaults():
    arguments = inspect.signature(Network).parameters
    assert {*KEYS} == {*arguments}
    plain = {name: key.plain for name, key in KEYS.items() if key.plain is not ...}
    assert plain == {name: arguments[name].default for name in plain}


def test_every_key_is_an_option_of_the_command():
    options = parser(dict.fromkeys(("network", "explain", "check", "list"))).parse_args(["network"])
    assert {*KEYS} <= {*vars(options)}
