"""Every fault of a configuration is one line: the key, the value, what is allowed."""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

from configurations import SCHEMA, SHIPPED
from engine.sections import experiment_settings
from engine.settings import check_config, suite_experiments, typed
from friendlyfire.declarations import declared, function_at
from friendlyfire.records.errors import ConfigError


def changed(path, value):
    """The shipped configuration with one key changed, written as a.b.c."""
    config = copy.deepcopy(SHIPPED)
    *parents, last = path.split(".")
    section = config
    for name in parents:
        section = section.setdefault(name, {})
    section[last] = value
    return config


@pytest.mark.parametrize("suite", SHIPPED["suites"])
def test_the_shipped_suites_are_right(suite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for dataset in SHIPPED["datasets"].values():
        if "folder" in dataset:
            (tmp_path / dataset["folder"] / "test" / "n01440764").mkdir(parents=True)
    check_config({**SHIPPED, "suite": suite}, SCHEMA)


def test_options_without_a_default_are_absent_until_they_are_given():
    assert set(experiment_settings(SHIPPED, "digits-lenet", "perturbations")["deepfool"]) == {
        "overshoot",
        "max_iterations",
        "candidates",
    }
    config = changed("experiments.digits-lenet.perturbations", {"deepfool": {"refine": 8, "bounds": [0, 1]}})
    check_config(config, SCHEMA)
    given = experiment_settings(config, "digits-lenet", "perturbations")["deepfool"]
    assert given == {"overshoot": 0.02, "max_iterations": 50, "candidates": 10, "refine": 8, "bounds": [0, 1]}


FAULTS = [
    (
        "epoch",
        3,
        r"config: unknown key 'epoch'; allowed: accuracy, attacks, bases, bending, boundary, channels, claims, ",
    ),
    ("curvature.image", 3, r"curvature: unknown key 'image'; allowed: .*hessian, leading"),
    ("normalization", "none", r"unknown key 'normalization'; allowed: .*normalisation.*; did you mean normalisation\?"),
    ("networks.normalisation", {"mean": [117], "std": [60]}, r"networks.normalisation"),
    ("experiments.digits-lenet.network", {}, r"experiments\.digits-lenet: unknown key 'network'; allowed: .*networks"),
    ("boundary.images", "many", r"boundary\.images: 'many' is not of type 'integer' \(how many"),
    ("boundary.images", 60.0, r"boundary\.images: 60\.0 is not of type 'integer'"),
    ("threads", 2.0, r"threads: 2\.0 is not of type 'integer'"),
    ("perturbations.images", -3, r"perturbations\.images: -3 is less than the minimum of 1 \(how many of the images"),
    ("perturbations.deepfool.refine", -1, r"deepfool\.refine: -1 is less than the minimum of 0 \(steps towards"),
    ("perturbations.deepfool.bounds", [0.1, 1], r"deepfool\.bounds\.0: 0\.1 is greater than the maximum of 0"),
    ("experiments.digits-lenet.networks.epochs", 0, r"digits-lenet\.networks\.epochs: 0 is less than the minimum of 1"),
    ("accuracy.ranks", [5, -1], r"accuracy\.ranks.*-1"),
    ("networks.momentum", 1.0, r"networks\.momentum: 1\.0 .*maximum"),
    ("device", "gpu", r"device: 'gpu' is not allowed; choose from auto, cpu, cuda"),
    ("networks.activation", "tanh", r"networks\.activation: 'tanh' is not allowed; choose from relu, softplus, gelu"),
    (
        "networks.architecture",
        "resnet",
        r"networks\.architecture: 'resnet' is not allowed; choose from alexnet, lenet, nin, nin-bn, torchvision/<name>",
    ),
    ("suite", "all", r"config: suite: there is no 'all'; choose from demo, paper"),
    ("suites.demo", ["digits-net"], r"suites\.demo: there is no 'digits-net'; choose from digits-lenet, mnist-lenet"),
    ("suites.demo", [], r"suites\.demo: \[\] "),
    ("fractions.attacks", [], r"fractions\.attacks: \[\] should be non-empty"),
    (
        "experiments.digits-lenet.dataset",
        "digit",
        r"digits-lenet\.dataset: there is no 'digit'; choose from digits, mnist",
    ),
    ("datasets.digits.source", "SVHN", r"datasets\.digits\.source: 'SVHN' is not allowed; choose from digits, MNIST"),
    ("datasets.digits.size", 28, r"datasets\.digits: source digits has its own images; remove the key 'size'"),
    ("datasets.mine", {"source": "folder", "size": 8}, r"datasets\.mine: source folder needs the key 'folder'"),
    ("datasets.mine", {"source": "folder", "folder": "x"}, r"datasets\.mine: source folder needs the key 'size'"),
    (
        "figures.fig3",
        ["curvature"],
        r"digits-lenet: figures\.fig3: there is no 'curvature'; choose from dct, curvature-positive",
    ),
    (
        "experiments.digits-lenet.accuracy.ranks",
        [10, 65],
        r"digits-lenet: accuracy\.ranks: 65 is more than the 64 dimensions",
    ),
    ("experiments.digits-lenet.accuracy.directions_per_class", [90], r"per_class: 90 is more than the 64 dim"),
    ("claims.tested", ["few"], r"claims\.tested: there is no 'few'; choose from attacks-inside, svd-orders"),
    ("claims.draws", 10, r"claims\.draws: 10 is less than the minimum of 100"),
    (
        "experiments.digits-lenet",
        {"dataset": "digits", "claims": {"tested": ["scaling-restores"]}, "resampling": {"factors": [1, 2]}},
        r"digits-lenet: claims\.tested: scaling-restores needs 5 in resampling\.factors",
    ),
    ("curvature.directions", 65, r"digits-lenet: curvature\.directions: 65 is more than the 64 dimensions"),
    ("curvature.solver", "lanczos", r"curvature\.directions: 'all' needs solver dense; set a number for lanczos"),
    (
        "experiments.digits-lenet.curvature",
        {"solver": "lanczos", "directions": 33},
        r"33 at each end of the spectrum are too many for 64",
    ),
    (
        "experiments.digits-lenet.curvature",
        {"solver": "lanczos", "directions": 5},
        r"flat needs curvature\.solver dense",
    ),
    (
        "networks.weights",
        "nowhere.pt",
        r"digits-lenet: networks\.weights: nowhere\.pt is not a file; give a path, 'published'",
    ),
    (
        "networks.weights",
        __file__,
        r"digits-lenet: networks\.normalisation: .*\.py does not record how images are normalised; choose from dataset",
    ),
    ("networks.weights", "results/nowhere/network.safetensors", r"results/nowhere/network\.safetensors is not a file"),
    (
        "networks.weights",
        "./results/digits-lenet/network.safetensors",
        r"networks\.weights: digits-lenet <- digits-lenet: a network cannot be imported from itself; give another file",
    ),
    (
        "networks.classes",
        "imagenet",
        r"networks\.classes: a network that is trained here has the classes of its data set",
    ),
    (
        "experiments.digits-lenet.networks",
        {"weights": "results/mnist-lenet/network.safetensors", "classes": "nowhere.txt"},
        r"networks\.classes: nowhere\.txt is not a file; give a list of names, a text file or imagenet",
    ),
    ("networks.expected_accuracy", 97.5, r"networks\.expected_accuracy: 97\.5 is greater than the maximum of 1"),
    ("networks.weights", "published", r"networks\.weights: lenet has no published weights"),
    ("networks.architecture", "torchvision/alexnet", r"torchvision/alexnet needs 3 channels, but the images have 1"),
    ("networks.architecture", "nowhere.nets:small", r"networks\.architecture: there is no module 'nowhere\.nets' for"),
    ("networks.architecture", "collections:Net", r"module 'collections' .* does not define 'Net'"),
    (
        "experiments.figures",
        {"dataset": "digits"},
        r"experiments: 'figures' is a reserved name; do not use crate, datasets",
    ),
    ("experiments.crate", {"dataset": "digits"}, r"experiments: 'crate' is a reserved name"),
    ("figures.fig4", ["deepfool-high-9px"], r"fig4: deepfool-high-9px: the images have only 8 pixels per side"),
    ("figures.fig4", ["pca-4px"], r"figures\.fig4: there is no 'pca-4px'; choose from .*deepfool-high-<side>px"),
    ("pages.compare", ["mnist-lenet"], r"pages\.compare: there is no 'mnist-lenet'; choose from digits-lenet"),
    ("claims.tested", ["features"], r"claims\.tested: features needs attacks or noise in networks\.train_on\.images"),
    ("pages.explorer", ["flattest"], r"digits-lenet: pages\.explorer: there is no 'flattest'; choose from dct, curv"),
    ("pages.explorer", ["deepfool-high-9px"], r"pages\.explorer: deepfool-high-9px: the images have only 8 pixels"),
    ("pages.explorer", "pca", r"pages\.explorer: 'pca' is not of type 'array' \(bases of the explorer"),
    (
        "experiments.digits-lenet",
        {
            "dataset": "digits",
            "curvature": {"solver": "lanczos", "directions": 5},
            "figures": {"fig3": ["pca"], "scores": ["positive"]},
        },
        r"digits-lenet: pages\.explorer: curvature-flat needs curvature\.solver dense; lanczos finds the ends",
    ),
    ("boundary.classes", "some", r"boundary\.classes: 'some' is not valid .*all, or a list of their indices"),
    ("boundary.classes", [1, 2], r"digits-lenet: scores\.shown: class 0 is not one of boundary\.classes; add it"),
    (
        "datasets.digits",
        {"source": "folder", "folder": str(Path(__file__).parent), "size": 224},
        r"bases\.directions: dct with all 150528 dim",
    ),
    ("fractions.attacks", ["pgd"], r"fractions\.attacks: there is no 'pgd'; choose from deepfool, .*foolbox:<Attack>"),
    ("fractions.attacks", ["foolbox:L2PDG"], r"Foolbox has no attack 'L2PDG'; did you mean .*L2PGD"),
    ("experiments.a b", {"dataset": "digits"}, r"experiments: 'a b' .*letters, digits and hyphens"),
    ("experiments.a\n", {"dataset": "digits"}, r"experiments: 'a\\n' .*letters, digits and hyphens"),
    ("experiments", {2024: {"dataset": "digits"}}, r"experiments: the key 2024 is not text; write it in quotes"),
    ("perturbations.shards", 1000000, r"perturbations\.shards: 1000000 is greater than the maximum of 1000"),
    ("curvature.shards", 1000000, r"curvature\.shards: 1000000 is greater than the maximum of 1000"),
    ("threads", 1000000000, r"threads: 1000000000 is greater than the maximum of 1024"),
    ("curvature.step", 1e-30, r"curvature\.step: 1e-30 "),
    ("curvature.step", 1e30, r"curvature\.step: 1e\+30 "),
    ("scores.extent", 1e300, r"scores\.extent: 1e\+300 is greater than the maximum of 100"),
    (
        "experiments.digits-lenet.resampling.sides",
        [0.01],
        r"digits-lenet: resampling\.sides: 0\.01 of 8 pixels is less than one pixel",
    ),
    ("resampling.sides", [1.5], r"resampling\.sides\.0: 1\.5 "),
    ("resampling.sides", [4, 4], r"resampling\.sides: \[4, 4\] has non-unique elements"),
    ("resampling.factors", [1, 1], r"resampling\.factors: \[1, 1\] has non-unique elements"),
    ("margins.width", 65, r"digits-lenet: margins\.width: 65 is more than the 64 dimensions of its images"),
    ("margins.width", 1.5, r"margins\.width: 1\.5 "),
    ("figures.margins", ["cosines"], r"figures\.margins: there is no 'cosines'; choose from .*dct"),
    ("manifold.variances", [1.0], r"manifold\.variances\.0: 1\.0 "),
    ("datasets.digits.frequencies", "turned", r"frequencies: 'turned' is not allowed; choose from plain, flipped"),
    ("claims.tested", ["margin-profile"], r"claims\.tested: margin-profile needs dct in figures\.margins"),
    ("claims.tested", ["flipped-profile"], r"claims\.tested: flipped-profile needs twin_of, the experiment that it is"),
    ("confinement.ranks", [5, 5], r"confinement\.ranks: \[5, 5\] "),
    ("networks.crop_padding", 64, r"digits-lenet: networks\.crop_padding: 64 is more than the 8 pixels of its images"),
    ("scores.shown", 12, r"digits-lenet: scores\.shown: there is no class 12; the data set has 0 to 9"),
    ("boundary.classes", [0, 99], r"digits-lenet: boundary\.classes: there is no class 99; the data set has 0 to 9"),
    ("figures.fig4", ["deepfool-high-08px"], r"figures\.fig4: there is no 'deepfool-high-08px'; choose from"),
    (
        "datasets.digits",
        {"source": "folder", "folder": "nowhere", "size": 8},
        r"datasets\.digits\.folder: nowhere is not a folder; give one that holds train/<class>/",
    ),
    (
        "bases.theirs",
        {"of": "nowhere", "basis": "pca"},
        r"digits-lenet: bases\.theirs\.of: there is no 'nowhere'; choose from digits-lenet, mnist-lenet",
    ),
    (
        "experiments.digits-lenet",
        {"dataset": "digits", "bases": {"theirs": {"of": "mnist-lenet", "basis": "pca"}}},
        r"bases\.theirs\.of: images of mnist-lenet have the shape 1 x 28 x 28, not 1 x 8 x 8; choose an",
    ),
    ("bases.theirs", {"basis": "pca"}, r"bases\.theirs: 'of' is a required property"),
    ("bases.theirs", {"of": "pca"}, r"bases\.theirs: '(make|from)' is a required property"),
    (
        "bases.theirs",
        {"of": "digits-lenet", "basis": "pca", "from": "dataset"},
        r"bases\.theirs: 'basis' names a basis of another experiment; remove the key 'from'",
    ),
    (
        "figures.transfer",
        ["mnist-lenet"],
        r"digits-lenet: figures\.transfer: images of mnist-lenet have the shape 1 x 28 x 28, not 1 x 8 x 8",
    ),
    ("figures.transfer", ["mnist"], r"digits-lenet: figures\.transfer: there is no 'mnist'; choose from digits-lenet"),
    ("figures.transfer", "all", r"figures\.transfer: 'all' is not valid .*networks whose directions are compared"),
    ("claims.tested", ["jacobian-same"], r"jacobian-same needs jacobian in figures\.fig3 or figures\.fig4"),
    ("claims.tested", ["shared-directions"], r"shared-directions needs other networks in figures\.transfer"),
    ("networks.architecture", "__main__:net", r"networks\.architecture: .*__main__"),
    ("networks.architecture", "sys:exit", r"sys:exit: 'sys' is not a Python file; give a module of your own"),
]

#: Files of a user's package, and the message about ``mine.nets:net``.
MODULES = [
    ({"nets.py": b"def net(:"}, r"nets\.py is not valid Python \(SyntaxError: "),
    ({"nets.py": b"# caf\xe9\ndef net(n): pass"}, r"nets\.py is not valid Python \(SyntaxError: .*encoding"),
    ({"nets.py": b"x = 1"}, r"module 'mine\.nets' .*does not define 'net'"),
    (
        {"__init__.py": b"1 / 0", "nets.py": b""},
        r"the package of 'mine\.nets' cannot be imported \(ZeroDivisionError: ",
    ),
    ({"__init__.py": b"exit(1)", "nets.py": b""}, r"the package of 'mine\.nets' cannot be imported \(SystemExit: 1"),
    ({"__init__.py": b"import nowhere", "nets.py": b""}, r"there is no module 'mine\.nets' for 'mine\.nets:net'"),
    ({}, r"there is no module 'mine\.nets' for 'mine\.nets:net'; put it on PYTHONPATH"),
]


@pytest.mark.parametrize(("files", "message"), MODULES)
def test_what_is_wrong_with_a_users_module_is_one_line(tmp_path, monkeypatch, faults, files, message):
    package = tmp_path / "mine"
    package.mkdir()
    for name, content in files.items():
        (package / name).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(changed("networks.architecture", "mine.nets:net"), SCHEMA)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert "\n" not in str(caught.value)
    faults.count("told", message)


@pytest.mark.parametrize(("path", "value", "message"), FAULTS)
def test_a_fault_is_one_line(path, value, message, faults):
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(changed(path, value), SCHEMA)
    assert "\n" not in str(caught.value)
    faults.count("told", path)


FLIPPED = [
    ("dataset", "digits-turned", None),
    ("dataset", "digits", r"flipped-profile needs images with other frequencies as those of digits-lenet"),
    ("dataset", "mnist-turned", r"twin_of: digits-lenet has images of shape \(1, 8, 8\), not \(1, 28, 28\)"),
    ("margins", {"blocks": 5}, r"twin_of: digits-lenet has another section margins; give both the same"),
]


@pytest.mark.parametrize(("key", "value", "message"), FLIPPED)
def test_a_twin_on_flipped_images_must_be_comparable(key, value, message):
    config = changed("datasets.digits-turned", {"source": "digits", "frequencies": "flipped"})
    config["datasets"]["mnist-turned"] = {"source": "MNIST", "frequencies": "flipped"}
    wanted = {"figures": {"margins": ["dct"]}, "claims": {"tested": ["flipped-profile"]}}
    config["experiments"]["turned"] = {"twin_of": "digits-lenet", "dataset": "digits-turned", **wanted, key: value}
    config["suites"]["demo"] = ["turned"]
    if message is None:
        check_config(config, SCHEMA)
        return
    with pytest.raises(ConfigError, match=message):
        check_config(config, SCHEMA)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision/alexnt", r"torchvision has no network 'alexnt'; did you mean alexnet"),
        ("timm/resnet10", r"timm has no network 'resnet10'; did you mean resnet10t"),
    ],
)
def test_unknown_networks_of_libraries_come_with_a_suggestion(name, message):
    config = changed("experiments.cifar10-nin.networks.architecture", name)
    with pytest.raises(ConfigError, match=message):
        check_config({**config, "suite": "paper"}, SCHEMA)


def test_the_network_of_another_experiment_is_taken_before_it_is_made():
    config = changed("experiments.digits-lenet.networks.weights", "results/mnist-lenet/network.safetensors")
    check_config(config, SCHEMA)
    config["experiments"]["mnist-lenet"]["networks"]["weights"] = "results/digits-lenet/network.safetensors"
    with pytest.raises(ConfigError, match=r"mnist-lenet: .*digits-lenet <- mnist-lenet <- digits-lenet: a network"):
        check_config(config, SCHEMA)


#: Faults of a basis that digits-lenet takes from the experiment beside it, with that experiment's sections.
BORROWED = [
    ({}, "curvature-flt", r"bases\.theirs\.basis: there is no 'curvature-flt'; choose from dct, curvature-positive"),
    ({}, "deepfool-high-9px", r"bases\.theirs\.basis: deepfool-high-9px: the images have only 8 pixels per side"),
    (
        {"curvature": {"solver": "lanczos", "directions": 5}},
        "curvature-flat",
        r"bases\.theirs: curvature-flat of beside needs curvature\.solver dense there",
    ),
    (
        {"bases": {"back": {"of": "digits-lenet", "basis": "theirs"}}},
        "back",
        r"theirs of digits-lenet <- back of beside <- theirs of digits-lenet: a basis cannot be made from itself",
    ),
    ({"bases": {"far": {"of": "nowhere", "basis": "pca"}}}, "far", r"beside: bases\.far\.of: there is no 'nowhere'"),
    ({"boundary": {"classes": [12]}}, "pca", r"beside: boundary\.classes: there is no class 12"),
]


@pytest.mark.parametrize(("sections", "basis", "message"), [*BORROWED, ({}, "deepfool-high-4px", None)])
def test_a_basis_of_another_experiment_is_checked_there(sections, basis, message):
    config = changed("experiments.digits-lenet.bases", {"theirs": {"of": "beside", "basis": basis}})
    config["experiments"]["beside"] = {"dataset": "digits", **sections}
    if message is None:
        check_config(config, SCHEMA)
        return
    with pytest.raises(ConfigError, match=message):
        check_config(config, SCHEMA)


@pytest.mark.parametrize("written_here", [True, False])
def test_weights_need_a_normalisation_unless_this_project_wrote_them(tmp_path, written_here):
    from safetensors.numpy import save_file

    path, metadata = tmp_path / "w.safetensors", {"friendlyfire": '{"contents": ""}'}
    save_file({"mean": np.zeros(1)}, path, metadata if written_here else {"format": "pt"})
    config = changed("networks.weights", str(path))
    if not written_here:
        with pytest.raises(ConfigError, match=r"networks\.normalisation: .*w\.safetensors does not record"):
            check_config(config, SCHEMA)
        config["networks"]["normalisation"] = "none"
    check_config(config, SCHEMA)


def test_an_experiment_overrides_key_by_key():
    config = changed("experiments.digits-lenet.perturbations", {"deepfool": {"overshoot": 0.5}})
    section = experiment_settings(config, "digits-lenet", "perturbations")
    assert section["deepfool"] == {**SHIPPED["perturbations"]["deepfool"], "overshoot": 0.5}
    assert section["images"] == SHIPPED["perturbations"]["images"]
    assert experiment_settings(config, "mnist-lenet", "perturbations")["deepfool"]["overshoot"] == 0.02


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("-3", -3),
        ("1e-3", 0.001),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("all", "all"),
        ("1.2.3", "1.2.3"),
        ("0", 0),
        ("007", "007"),
        ("nan", "nan"),
        ("", ""),
    ],
)
def test_text_that_spells_a_value_is_that_value(text, value):
    assert typed({"a": [text, {"b": text}]}) == {"a": [value, {"b": value}]}
    assert type(typed(text)) is type(value)


def test_suites_keep_their_order():
    assert suite_experiments({**SHIPPED, "suite": "paper"}) == SHIPPED["suites"]["paper"]


def keys(schema):
    """Every key of the schema with its description."""
    for name, value in schema.get("properties", {}).items():
        yield name, value
        yield from keys(value)
    for name, value in schema.get("$defs", {}).items():
        yield from keys(value)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys(schema["additionalProperties"])


def test_every_key_is_described_and_no_other_is_let_through():
    for name, value in keys(SCHEMA):
        assert "$ref" in value or value.get("description"), name
        if value.get("type") == "object" and "properties" in value:
            assert value["additionalProperties"] is False or "propertyNames" in value, name


def test_every_key_of_the_schema_has_its_default_in_the_shipped_file():
    for stage, section in SCHEMA["$defs"].items():
        assert set(SHIPPED[stage]) == set(section.get("properties", {})), stage


@pytest.mark.parametrize("noun", ["architectures", "attacks", "bases"])
def test_every_kind_is_declared_with_a_function_and_a_label(noun):
    kinds = declared(noun)
    assert len(kinds) >= 3
    for name, kind in kinds.items():
        assert function_at(kind["make"]).__doc__, name
        assert kind["label"], name
    assert len({kind["label"] for kind in kinds.values()}) == len(kinds)
