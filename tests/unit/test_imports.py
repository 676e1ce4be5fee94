"""What a file imports is followed, in every style that there is, and nothing else."""

import pytest

from friendlyfire.imports import with_imports

FILES = ("pkg/__init__.py", "pkg/nets.py", "pkg/blocks.py", "pkg/deep/__init__.py", "pkg/deep/layers.py", "beside.py")


@pytest.mark.parametrize(
    ("statement", "imported"),
    [
        ("import os, torch", set()),
        ("import beside", {"beside.py"}),
        ("from beside import anything", {"beside.py"}),
        ("import pkg.blocks", {"pkg/blocks.py"}),
        ("from pkg import blocks", {"pkg/blocks.py"}),
        ("from . import blocks", {"pkg/blocks.py"}),
        ("from .blocks import anything", {"pkg/blocks.py"}),
        ("from .deep.layers import anything", {"pkg/deep/__init__.py", "pkg/deep/layers.py"}),
        ("import pkg.deep.layers as layers", {"pkg/deep/__init__.py", "pkg/deep/layers.py"}),
        ("def later():\n    import beside", {"beside.py"}),
    ],
)
def test_a_module_is_followed_with_the_packages_that_it_is_in(tmp_path, statement, imported):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "pkg/nets.py").write_text(statement)
    found = {str(path.relative_to(tmp_path)) for path in with_imports(tmp_path / "pkg/nets.py", (tmp_path,))}
    assert found == {"pkg/nets.py", "pkg/__init__.py"} | imported


def test_what_friendlyfire_gives_when_it_is_asked_for_is_followed(tmp_path):
    from conftest import REPOSITORY

    script = tmp_path / "script.py"
    script.write_text("from friendlyfire import deepfool")
    found = {path.name for path in with_imports(script, (REPOSITORY / "workflow",))}
    assert {"perturbations.py", "checks.py", "devices.py"} < found
    assert "accuracy.py" not in found
