"""Saving, loading, copying: everything comes back, nothing foreign is let in."""

from __future__ import annotations

import copy
import io
import os
import pickle
import random
import sys
import threading
import tracemalloc
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import load, module_of
from networks import NETWORKS

from derive.api import derive

NET = ((3, 5, 2), "tanh,sigmoid", "half_mse")
DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(11, 3)), DATA.uniform(0.1, 0.9, (11, 2))


@pytest.fixture
def module() -> ModuleType:
    return module_of(*NET)


@pytest.fixture(params=[np.float64, np.float32])
def trainer(request: pytest.FixtureRequest, module: ModuleType) -> Any:
    return module.Trainer(seed=1, dtype=request.param).fit(X, Y, 3, 0.2, 4, validation=0.2)


def whole(trainer: Any) -> Any:
    """Everything that a trainer is."""
    arrays = {n: (v.tobytes(), v.dtype, v.shape) for n, v in (trainer.parameters | trainer.state).items()}
    counts = trainer.n_iter_, trainer.n_steps_, trainer.dtype, trainer.learning_rate, trainer.orders.stored().tolist()
    return arrays, trainer.history, trainer.epoch_history, trainer.validation_history, counts


@pytest.mark.parametrize("name", ["saved.npz", "saved", "saved.model.old", "mit Leerzeichen ä.npz"])
def test_everything_comes_back(module, trainer, tmp_path, name):
    path = tmp_path / name
    trainer.save(path if name == "saved" else str(path))
    assert [p.name for p in tmp_path.iterdir()] == [name], "the file has exactly the name that was given"
    again = module.Trainer.load(path)
    assert whole(again) == whole(trainer)
    assert whole(again.fit(X, Y, 2, 0.2, 4)) == whole(trainer.fit(X, Y, 2, 0.2, 4))


def test_the_file_is_plain(trainer, tmp_path):
    """NumPy reads it without pickle; the same trainer gives the same bytes."""
    for name in ("one", "two"):
        trainer.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with np.load(tmp_path / "one", allow_pickle=False) as stored:
        assert str(stored["network"]) == trainer.network.digest
        assert np.array_equal(stored["parameters/W1"], trainer.parameters["W1"])
        assert stored["history"].tolist() == trainer.history


def test_a_stream_will_do(module, trainer):
    stream = io.BytesIO()
    trainer.save(stream)
    stream.seek(0)
    assert whole(module.Trainer.load(stream)) == whole(trainer)


def test_an_older_file_stays_if_the_new_one_cannot_be_written(module, trainer, tmp_path, monkeypatch):
    path = tmp_path / "kept.npz"
    trainer.save(path)
    before = path.read_bytes()
    trainer.fit(X, Y, 1)
    for function in ("fsync", "replace"):
        with monkeypatch.context() as patched, pytest.raises(OSError, match="full"):
            patched.setattr(os, function, full)
            trainer.save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["kept.npz"]
    trainer.save(path)
    assert whole(module.Trainer.load(path)) == whole(trainer)
    link = tmp_path / "link.npz"
    link.symlink_to("kept.npz")
    trainer.save(link)
    assert link.is_symlink() and whole(module.Trainer.load(path)) == whole(trainer)


def full(*_: Any) -> None:
    raise OSError("the disk is full")


def test_wrong_paths(module, trainer, tmp_path):
    for path in (3, None, ["a"], np.ones(2)):
        with pytest.raises(TypeError, match="path must be a path or a binary file, not"):
            trainer.save(path)
        with pytest.raises(TypeError, match="path must be a path or a binary file, not"):
            module.Trainer.load(path)
    with pytest.raises(FileNotFoundError):
        module.Trainer.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        trainer.save(tmp_path / "no folder" / "a.npz")
    with pytest.raises(OSError):
        module.Trainer.load(tmp_path)


# What is refused.


def refused(module: Any, path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as said:
        module.Trainer.load(path)
    assert "\n" not in str(said.value) and str(path) in str(said.value)


def test_other_files_are_refused(module, tmp_path):
    path = tmp_path / "file"
    for content in (b"", b"no archive at all", b"PK\x03\x04", pickle.dumps({"a": 1}), b"\x93NUMPY", bytes(1000)):
        path.write_bytes(content)
        refused(module, path, "is damaged, or no file that a trainer wrote")
    np.save(tmp_path / "array.npy", np.ones(3))
    refused(module, tmp_path / "array.npy", "is damaged, or no file that a trainer wrote")
    np.savez(tmp_path / "other.npz", W1=np.ones((5, 3)))
    refused(module, tmp_path / "other.npz", "cannot be loaded: it holds no trainer, and this is the network")
    np.savez(tmp_path / "objects.npz", network=np.array([{}], dtype=object), allow_pickle=True)
    refused(module, tmp_path / "objects.npz", "is damaged, or no file that a trainer wrote")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("network", "text")
    refused(module, tmp_path / "zip.npz", "cannot be loaded: it holds the network b'text'|damaged")


def test_another_network_is_refused(module, tmp_path):
    others = {"wider": ((3, 6, 2), *NET[1:]), "another loss": (NET[0], NET[1], "mse"), "no bias": (*NET, "none")}
    for name, net in others.items():
        module_of(*net).Trainer().save(tmp_path / name)
        digest = module_of(*net).NETWORK.digest
        refused(module, tmp_path / name, f"it holds the network {digest}, and this is the network")


def test_a_network_that_is_stated_by_hand(tmp_path):
    one, other = (load(derive(NETWORKS[name]()).numpy()) for name in ("residual", "gating"))
    trainer = one.Trainer(seed=3)
    trainer.save(tmp_path / "saved")
    assert whole(one.Trainer.load(tmp_path / "saved")) == whole(trainer)
    refused(other, tmp_path / "saved", "cannot be loaded: it holds the network")


SPOILED = {
    "no history": (lambda c: c.pop("history"), "it lacks an entry, or has one too many"),
    "too much": (lambda c: c.update(more=np.ones(1)), "it lacks an entry, or has one too many"),
    "no parameters": (lambda c: [c.pop(k) for k in list(c) if "/" in k], '"W1" is missing'),
    "a parameter less": (lambda c: c.pop("parameters/b2"), '"b2" is missing'),
    "a parameter more": (lambda c: c.update({"parameters/V": np.ones((1, 1))}), 'unknown parameter "V"'),
    "a shape": (lambda c: c.update({"parameters/W1": np.ones((3, 5))}), r'"W1" has shape \(3, 5\)'),
    "NaN": (lambda c: c["parameters/W1"].fill(np.nan), '"W1" holds NaN'),
    "integers": (lambda c: c.update({k: v.astype(int) for k, v in c.items() if "/" in k}), "dtype must be float64"),
    "text": (lambda c: c.update({"parameters/W1": np.array("a")}), "dtype must be float64"),
    "a state": (lambda c: c.update({"state/more": np.ones(1)}), 'unknown "more" in the state'),
    "a flat history": (lambda c: c.update(history=np.array(1.0)), "its history is no list of numbers"),
    "a history of text": (lambda c: c.update(epoch_history=np.array(["a"])), "its epoch_history is no list"),
    "half an epoch": (lambda c: c.update(n_iter_=np.array(1.5)), "its number of epochs is no whole number"),
    "other folders": (lambda c: c.update({"a/b/c": np.ones(1)}), "it lacks an entry, or has one too many"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_file_that_was_changed_is_refused(module, tmp_path, name):
    spoil, message = SPOILED[name]
    module.Trainer(seed=1).fit(X, Y, 2).save(tmp_path / "saved.npz")
    with np.load(tmp_path / "saved.npz") as stored:
        content = {key: stored[key] for key in stored.files}
    spoil(content)
    np.savez(tmp_path / "saved.npz", **content)
    refused(module, tmp_path / "saved.npz", f"cannot be loaded: .*{message}")


def test_damage_anywhere_is_noticed(module, tmp_path):
    """A bit that fell over, or an end that is missing: refused, or without effect; never another exception."""
    module.Trainer(seed=1).fit(X, Y, 2).save(tmp_path / "saved.npz")
    data = (tmp_path / "saved.npz").read_bytes()
    expected, choose, caught = whole(module.Trainer.load(tmp_path / "saved.npz")), random.Random(0), 0
    for turn in range(200):
        changed = bytearray(data)
        if turn % 4:
            changed[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        else:
            del changed[choose.randrange(len(data)) :]
        try:
            found = module.Trainer.load(io.BytesIO(bytes(changed)))
        except ValueError as said:
            caught += 1
            assert "\n" not in str(said)
        else:
            assert whole(found) == expected
    assert caught > 100


# Copies.


def test_copies_are_independent(module, trainer):
    for again in (trainer.copy(), copy.deepcopy(trainer), copied_by_pickle(module, trainer)):
        assert whole(again) == whole(trainer)
        before = whole(trainer)
        again.fit(X, Y, 1, 0.2, 4)
        assert whole(trainer) == before != whole(again)
        again = trainer.copy()
        assert whole(again.fit(X, Y, 2, 0.2, 4)) == whole(trainer.copy().fit(X, Y, 2, 0.2, 4))


def copied_by_pickle(module: ModuleType, trainer: Any) -> Any:
    before = sys.modules.get("trainer")
    sys.modules["trainer"] = module
    try:
        return pickle.loads(pickle.dumps(trainer))
    finally:
        del sys.modules["trainer"]
        if before is not None:
            sys.modules["trainer"] = before


# The optimizer's state, and special files.

STATES = {
    "NaN": ("state/mean_square_W1", np.nan, '"mean_square_W1" in the state holds a number'),
    "a negative square": ("state/mean_square_W1", -1, '"mean_square_W1" in the state holds a number'),
    "half a step": ("state/step", 1.5, '"step" in the state holds a number'),
    "a negative step": ("state/step", -4, '"step" in the state holds a number'),
    "a history of NaN": ("history", np.nan, "its history holds NaN or an infinite number"),
    "negative epochs": ("n_iter_", -5, "its number of epochs is -5; expected at least 0"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_no_training_leaves_is_refused(tmp_path, name):
    adam = module_of(*NET, optimizer="adam")
    key, value, message = STATES[name]
    path = tmp_path / "saved.npz"
    adam.Trainer(seed=1).fit(X, Y, 2).save(path)
    assert adam.Trainer.load(path).fit(X, Y, 1).n_iter_ == 3
    with np.load(path) as stored:
        content = {k: stored[k] for k in stored.files}
    content[key][...] = value
    np.savez(path, **content)
    refused(adam, path, f"cannot be loaded: {message}")


@pytest.mark.skipif(os.name != "posix", reason="permissions and pipes as on POSIX are needed")
def test_the_permissions_of_an_older_file_stay(trainer, tmp_path):
    path = tmp_path / "secret.npz"
    trainer.save(path)
    for mode in (0o600, 0o644, 0o440):
        path.chmod(mode)
        trainer.save(path)
        assert path.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.name != "posix", reason="permissions and pipes as on POSIX are needed")
def test_a_special_file_is_written_to_and_not_replaced(module, trainer, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    trainer.save(pipe)
    reader.join()
    assert pipe.is_fifo()
    assert whole(module.Trainer.load(io.BytesIO(found[0]))) == whole(trainer)
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    trainer.save(link)
    assert not Path(os.devnull).is_file() and [p.name for p in sorted(tmp_path.iterdir())] == ["null", "pipe"]


# Damage, claims, and other byte orders.


@pytest.fixture
def small(tmp_path: Path) -> tuple[ModuleType, Path, bytes]:
    """A module, a small file that its trainer wrote, and what is in it."""
    module = module_of((2, 2, 1), "tanh,sigmoid", "half_mse", optimizer="adam")
    path = tmp_path / "saved.npz"
    module.Trainer(seed=1).fit(X[:, :2], Y[:, :1], 2).save(path)
    return module, path, path.read_bytes()


def refused_or_equal(module: Any, path: Path, data: bytes, expected: Any) -> bool:
    """Whether a file with this content is refused in one line that names it; otherwise it is as the whole one."""
    path.write_bytes(data)
    try:
        found = module.Trainer.load(path)
    except ValueError as said:
        assert str(path) in str(said) and "\n" not in str(said)
        return True
    assert whole(found) == expected
    return False


@pytest.mark.filterwarnings("error")
def test_a_file_that_ends_anywhere_is_damaged(small):
    module, path, data = small
    for length in {*range(0, len(data), 9), *range(len(data) - 100, len(data))}:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError) as said:
            module.Trainer.load(path)
        assert f"{path} is damaged, or no file that a trainer wrote" in str(said.value)


@pytest.mark.filterwarnings("error")
def test_bytes_that_are_lost_changed_or_added_are_noticed(small):
    module, path, data = small
    expected, choose = whole(module.Trainer.load(path)), random.Random(3)
    for length in (1, 1, 2, 7, 60, 300) * 100:
        at = choose.randrange(len(data))
        assert refused_or_equal(module, path, data[:at] + data[at + length :], expected)
        assert refused_or_equal(module, path, data[:at] + bytes(length) + data[at:], expected)
        changed = bytearray(data)
        changed[at] = choose.randrange(256)
        refused_or_equal(module, path, bytes(changed), expected)
        for place in range(at, min(at + length, len(data))):
            changed[place] = choose.choice((0, 255, choose.randrange(256)))
        refused_or_equal(module, path, bytes(changed), expected)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def header(text: str, data: bytes = b"") -> bytes:
    line = text.encode()
    return b"\x93NUMPY\x01\x00" + (len(line) + 1).to_bytes(2, "little") + line + b"\n" + data


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "claim",
    [
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (400000000,), }"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (400000000,), }", bytes(400)),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000, 1000000000000000000), }"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", bytes(8)),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }", bytes(8)),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1000000000000000000, 1000000000000000000), }"),
        header("{'descr': '<U400000000', 'fortran_order': False, 'shape': (), }"),
        header("{'descr': '<U0', 'fortran_order': False, 'shape': (400000000,), }"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        header("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }", bytes(3)),
        header("{'descr': '\\d', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        header("{'descr': '<f8', 'fortran_order': 1if 1else 0, 'shape': (1,), }", bytes(8)),
        header("(" * 2000),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", bytes(8)).replace(
            b"\x01\x00", b"\x02\x00", 1
        ),
        b"\x93NUMPY\x01\x00\xff\xff{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n" + bytes(8),
        b"",
    ],
    ids=range(16),
)
def test_a_header_that_does_not_match_the_bytes_is_refused(small, claim):
    module, path, _ = small
    rewritten(path, members(path) | {"history.npy": claim})
    tracemalloc.start()
    try:
        refused(module, path, "is damaged, or no file that a trainer wrote")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_small_file_takes_little_memory(small):
    """Of half a megabyte, compressed numbers could be three gigabytes; so could one member under many names."""
    module, path, _ = small
    history = header("{'descr': '<f8', 'fortran_order': False, 'shape': (3000000,), }", bytes(24_000_000))
    rewritten(path, members(path) | {"history.npy": history}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    compressed = path.read_bytes()
    lying = compressed.replace(len(history).to_bytes(4, "little"), (400).to_bytes(4, "little"))
    assert lying != compressed
    for data in (compressed, lying):
        path.write_bytes(data)
        tracemalloc.start()
        try:
            refused(module, path, "is damaged, or no file that a trainer wrote")
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


def test_a_name_that_occurs_twice_is_refused(small):
    module, path, _ = small
    content = members(path)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("history.npy", content["history.npy"])
    refused(module, path, "is damaged, or no file that a trainer wrote")


@pytest.mark.parametrize("order", [">", "<", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_byte_order_and_axis_order_is_read(tmp_path, order, dtype):
    module = module_of(*NET, optimizer="adam")
    trainer = module.Trainer(seed=1, dtype=dtype).fit(X, Y, 3)
    trainer.save(tmp_path / "saved.npz")
    with np.load(tmp_path / "saved.npz") as stored:
        content = {key: stored[key] for key in stored.files}
    for key, value in content.items():
        content[key] = value.copy(order="F") if order == "F" else value.astype(value.dtype.newbyteorder(order))
    np.savez(tmp_path / "other.npz", **content)
    again = module.Trainer.load(tmp_path / "other.npz")
    assert whole(again) == whole(trainer)
    assert whole(again.fit(X, Y, 2)) == whole(trainer.fit(X, Y, 2))


def test_parameters_and_types_in_another_byte_order(module):
    plain = module.Trainer(seed=1)
    other = {name: value.astype(">f8") for name, value in plain.parameters.items()}
    assert whole(module.Trainer(other, seed=1)) == whole(plain) == whole(module.Trainer(seed=1, dtype=">f8"))
