"""The codecs of a P4 file's headers: C and Python agree with each other and with plain arithmetic."""

from __future__ import annotations

import ctypes
import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rackplane.compiler import codecs, wireformat
from rackplane.compiler.errors import CompileErrors

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "p4src" / "include" / "headers.p4"
ODD = """
typedef bit<48> mac_t;
const bit<16> PORT = 4791;
const bit<8> SMALL = 7;
enum bit<8> Verb { READ = 1, WRITE = 0xC0 }
header odd_t { bit<3> a; bit<13> b; Verb verb; bit<24> c; bit<33> d; bit<7> e; mac_t f; bit<5> g; bit<59> h; }
header wide_t { bit<128> address; bit<8> tail; }
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.p4"
    path.write_text(ODD)
    return path


def load_module(text: str, folder: Path) -> ModuleType:
    path = folder / "generated.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("generated", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated"] = module
    spec.loader.exec_module(module)
    return module


def test_python_has_constants_enums_and_headers(odd: Path, tmp_path: Path) -> None:
    module = load_module(codecs.python_module(odd), tmp_path)
    assert (module.PORT, module.SMALL, module.Verb.WRITE) == (4791, 7, 0xC0)
    header = module.Odd(a=5, b=1, verb=module.Verb.READ, d=1 << 32, h=3)
    assert module.Odd.SIZE == len(header.pack()) == 25
    assert module.Odd.unpack(memoryview(header.pack() + b"more")) == header


@pytest.mark.parametrize(("field", "value"), [("a", 8), ("b", -1), ("d", 1 << 33)])
def test_python_refuses_what_does_not_fit(odd: Path, tmp_path: Path, field: str, value: int) -> None:
    module = load_module(codecs.python_module(odd), tmp_path)
    with pytest.raises(module.HeaderError, match=field):
        module.Odd(**{field: value}).pack()
    with pytest.raises(module.HeaderError, match="25 bytes, not 24"):
        module.Odd.unpack(bytes(24))


def test_c_and_python_agree(odd: Path, tmp_path: Path) -> None:
    """Every accessor, on random headers: C reads what Python packs and sets what Python unpacks."""
    module = load_module(codecs.python_module(odd), tmp_path)
    (tmp_path / "odd.h").write_text(codecs.c_header(odd, "odd"))
    fields = wireformat.read(odd).headers[0].fields
    calls = [f"uint64_t get_{f.name}(void *h) {{ return odd_get_{f.name}(h); }}" for f in fields]
    calls += [f"void set_{f.name}(void *h, uint64_t v) {{ odd_set_{f.name}(h, v); }}" for f in fields]
    (tmp_path / "odd.c").write_text('#include <stdint.h>\n#include "odd.h"\n' + "\n".join(calls))
    library = tmp_path / "odd.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, tmp_path / "odd.c"], check=True, cwd=tmp_path
    )
    loaded = ctypes.CDLL(str(library))
    source = random.Random(7)
    for _ in range(50):
        values = {f.name: source.getrandbits(f.width) for f in fields}
        packed = module.Odd(**values).pack()
        buffer = ctypes.create_string_buffer(packed, len(packed))
        for f in fields:
            getter = getattr(loaded, f"get_{f.name}")
            getter.restype = ctypes.c_uint64
            assert getter(buffer) == values[f.name], f.name
            values[f.name] = source.getrandbits(f.width)
            getattr(loaded, f"set_{f.name}")(buffer, ctypes.c_uint64(values[f.name]))
        assert module.Odd.unpack(buffer.raw) == module.Odd(**values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("header h_t { bit<3> a; }", "3 bits; a codec needs whole bytes"),
        ("header h_t { bit<8> a; varbit<32> b; }", "b has no fixed width"),
        ("header h_t { bit<8> pack; }", "pack cannot be a name in Python"),
        ("header h_t { bit<8> a }", "odd.p4:1"),
    ],
)
def test_headers_without_a_codec_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.p4"
    path.write_text(text)
    with pytest.raises(CompileErrors, match=message):
        codecs.python_module(path)


def test_output_is_formatted_typed_and_always_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rack.py"
    text = codecs.python_module(SOURCE)
    path.write_text(text)
    bin_dir = Path(sys.executable).parent
    config = str(ROOT / "pyproject.toml")
    subprocess.run([bin_dir / "ruff", "format", "--check", "--config", config, path], check=True)
    subprocess.run([bin_dir / "mypy", "--strict", path], check=True, cwd=tmp_path)
    assert text == codecs.python_module(SOURCE)


def test_command_writes_both(odd: Path, tmp_path: Path) -> None:
    c, py = tmp_path / "a.h", tmp_path / "a.py"
    assert codecs.main([str(odd), "--c", str(c), "--py", str(py)]) == 0
    assert "#define A_H" in c.read_text()
    assert "class Wide(Header):" in py.read_text()


def test_command_shows_errors_at_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.p4"
    path.write_text("header h_t { bit<8> a }\n")
    assert codecs.main([str(path), "--py", str(tmp_path / "x.py")]) == 1
    assert "bad.p4:1:" in capsys.readouterr().err
