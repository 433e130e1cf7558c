"""The table of keys: it names the arguments of a network, and the command has an option for each."""

from __future__ import annotations

import inspect

from derive.command.options import parser
from derive.statement.keys import KEYS
from derive.statement.network import Network


def test_the_keys_are_the_arguments():
    arguments = inspect.signature(Network).parameters
    assert {*KEYS} == {*arguments}


def test_every_key_is_an_option_of_the_command():
    options = parser(dict.fromkeys(("network", "equations", "layer", "explain", "check", "list"))).parse_args(
        ["network"]
    )
    assert {name for name in KEYS if name not in ("activations", "losses")} <= {*vars(options)}  # tables of a file
