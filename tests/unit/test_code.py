"""The digest of code changes with what a function computes, and with nothing else."""

import pytest

from conftest import REPOSITORY
from engine.code import Definition, definitions_behind, digest_of_code

SCRIPT = '''"""A script."""
import logging
import numpy as np
import pkg.deep.layers as layers
from pkg import blocks
from pkg.nets import network

LIMIT: int = 3

def main(inputs: list) -> None:
    """Documented."""
    logging.info("at work")
    if not inputs:
        raise ValueError(f"no inputs: {LIMIT}")
    return helper(np.array(inputs)), network(), blocks.convolution(), layers

def helper(x):
    return x + LIMIT

def unused():
    return 1
'''

FILES = {
    "script.py": SCRIPT,
    "pkg/__init__.py": "",
    "pkg/nets.py": "from .parts import Net as N\n\ndef network():\n    return N()\n\ndef other():\n    return 0\n",
    "pkg/parts.py": "class Net:\n    def forward(self, x):\n        return x\n",
    "pkg/blocks.py": "def convolution():\n    import pkg.parts\n    return 5\n\ndef pooling():\n    return 2\n",
    "pkg/deep/__init__.py": "",
    "pkg/deep/layers.py": "SIZE = 4\n",
    "engine.py": "def run():\n    pass\n",
}


@pytest.fixture
def project(tmp_path):
    """A function that returns the script's digest after text replacements in some of its files."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def digest(name="script.py", old="", new="") -> str:
        import engine.code as code

        for cached in (code._module, code._content, code._imports_of, code._bindings_of, code._file_of):
            cached.cache_clear()
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        return digest_of_code([Definition(tmp_path / "script.py", "main")], (tmp_path,))

    return digest


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "x + LIMIT", "x - LIMIT"),
        ("script.py", "LIMIT: int = 3", "LIMIT: int = 4"),
        ("script.py", "ValueError", "TypeError"),
        ("script.py", "if not inputs", "if inputs is None"),
        ("pkg/nets.py", "return N()", "return N(), 1"),
        ("pkg/parts.py", "return x", "return 2 * x"),
        ("pkg/blocks.py", "return 5", "return 6"),
        ("pkg/deep/layers.py", "SIZE = 4", "SIZE = 5"),
        ("pkg/__init__.py", "", "print(1)\n"),
        ("pkg/parts.py", "class Net", "print(1)\n\n\nclass Net"),
    ],
)
def test_what_a_function_computes_counts(project, name, old, new):
    assert project() != project(name, old, new)


def test_the_digest_is_the_same_under_every_version_of_python(project):
    assert project() == "fc3f72a4c00b"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "Documented.", "Explained."),
        ("script.py", "at work", "working"),
        ("script.py", "no inputs: {LIMIT}", "inputs are missing"),
        ("script.py", "inputs: list", "inputs: tuple"),
        ("script.py", "def unused():\n    return 1", "def unused():\n    return 2"),
        ("script.py", "LIMIT: int = 3", "# The limit.\nLIMIT: int = 3"),
        ("pkg/nets.py", "return 0", "return 1"),
        ("pkg/blocks.py", "return 2", "return 3"),
        ("pkg/parts.py", "class Net:", "class Added:\n    pass\n\n\nclass Net:"),
        ("engine.py", "pass", "return 1"),
    ],
)
def test_words_and_what_is_not_used_do_not_count(project, name, old, new):
    assert project() == project(name, old, new)


#: Ways to take ``width`` from helper.py, or from the package ``pkg``, whose __init__ is given.
STYLES = [
    ("from helper import *\ndef main():\n    return width()", ""),
    ("import helper\ndef main():\n    return helper.width()", ""),
    ("import pkg.inner\ndef main():\n    return pkg.inner.width()", ""),
    ("import pkg\ndef main():\n    return pkg.width()", "from .inner import width"),
    ("import pkg\ndef main():\n    return pkg.width()", "from .inner import *"),
    ("import pkg\ndef main():\n    return pkg.inner.width()", "from . import inner"),
    ("from pkg import *\ndef main():\n    return width()", "from .inner import *"),
    ("try:\n    from helper import width\nexcept ImportError:\n    width = None\ndef main():\n    return width()", ""),
    ("if True:\n    from helper import width\ndef main():\n    return width()", ""),
    ("import helper\ndef main():\n    return helper.other(), getattr(helper, 'width')()", ""),
    ("from engine_of_mine import width\ndef main():\n    return width()", ""),
    ("from helper import progress\ndef main():\n    return progress(4)", ""),
]


@pytest.mark.parametrize(
    ("script", "init"), STYLES, ids=[f"{script}, {init}".replace("\n", "; ") for script, init in STYLES]
)
def test_code_is_followed_whatever_way_it_is_imported(tmp_path, script, init):
    code = "def width():\n    return 4\n\ndef other():\n    return 1\n\ndef progress(count):\n    return count\n"
    digests = []
    for number, value in enumerate(("4", "32")):
        folder = tmp_path / str(number)
        (folder / "pkg").mkdir(parents=True)
        (folder / "pkg/__init__.py").write_text(init)
        for name in ("helper.py", "pkg/inner.py", "engine_of_mine.py"):
            (folder / name).write_text(code.replace("4", value))
        (folder / "script.py").write_text(script.replace("4", value))
        digests.append(digest_of_code([Definition(folder / "script.py", "main")], (folder,)))
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    "files",
    [
        {
            "a.py": "from b import late, width\nfrom c import early",
            "b.py": "from a import early\nfrom c import late, width",
        },
        {"a.py": "from b import *", "b.py": "from a import *\nfrom c import *"},
        {"a.py": "from b import width", "b.py": "from a import width\nfrom c import width"},
    ],
)
def test_modules_that_import_each_other_are_followed(tmp_path, files):
    digests = []
    for value in ("4", "32"):
        for name, text in files.items():
            (tmp_path / value / name).parent.mkdir(exist_ok=True)
            (tmp_path / value / name).write_text(text)
        definitions = f"early = late = 1\n\ndef width():\n    return {value}\n"
        (tmp_path / value / "c.py").write_text(definitions)
        (tmp_path / value / "script.py").write_text("from a import width\n\ndef main():\n    return width()\n")
        digests.append(digest_of_code([Definition(tmp_path / value / "script.py", "main")], (tmp_path / value,)))
    assert digests[0] != digests[1]


def test_a_script_of_the_workflow_is_followed_into_the_library_and_not_into_the_engine():
    workflow = REPOSITORY / "workflow"
    library = workflow / "friendlyfire/measures"
    measure, network = Definition(library / "accuracy.py", "accuracy"), Definition(library / "materials.py", "network")
    roots = [Definition(workflow / "scripts/measure.py", "main"), measure, network]
    found = definitions_behind(roots, (workflow,))
    names = {f"{path.stem}.{name}" for path, name in found}
    assert {"measure.main", "accuracy.correct_by_rank", "network.Network", "intervals.wilson_interval"} < names
    assert not any(path.parent.name == "engine" for path, _ in found)
    assert "intervals.mean_interval" not in names
