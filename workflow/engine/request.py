"""A network and images named on the command line -> an experiment whose counts suit them.

``snakemake card --config network=timm/resnet18.a1_in1k images=my-images``
"""

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from engine.cost import USUAL_CLASSES
from engine.sections import experiment_settings
from engine.settings import LARGEST_SQUARE, REQUEST, check_architecture
from friendlyfire.datasets.class_names import IMAGENET
from friendlyfire.datasets.roles import draw_roles
from friendlyfire.datasets.sources import folder_of, image_shape, known_classes, known_images
from friendlyfire.records.errors import ConfigError

#: Name of the suite of a request.
SUITE = "requested"

#: Keys of one network in a request.
OF_NETWORK = ("network", "weights", "normalisation", "classes", "name")

#: Most values of an image at which whole Hessians are measured.
DENSE = 4096

#: Most classes whose boundaries are measured: in all, and if only the ends of their spectra are.
CLASSES, FEW_CLASSES = 10, 5


def with_request(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the experiments that it requests; as it is if it names no network.

    Args:
        config: as given by the user.
        shipped: the configuration that comes with the project; images may be one of its data sets.

    Raises:
        ConfigError: a key is missing, or the images cannot be read.
    """
    asked = {key: config[key] for key in REQUEST if config.get(key) is not None}
    if not asked:
        return dict(config)
    for needed in ("network", "images"):
        if needed not in asked:
            given = next(iter(asked))
            raise ConfigError(f"config: {given}={asked[given]} needs {needed}=... too: see docs/how-to/card.md")
    datasets = {**shipped["datasets"], **config.get("datasets", {})}
    data, dataset = dataset_of(asked, datasets)
    others = asked.get("compare", [])
    others = [others] if isinstance(others, Mapping) else [{"network": others}] if others else []
    networks = [{key: asked[key] for key in OF_NETWORK if key in asked}, *others]
    experiments = {}
    for network in networks:
        chosen = {"dataset": data, "networks": networks_section(network, dataset)}
        name = network.get("name") or f"{name_of(network)}-{data}"
        if name in shipped["experiments"]:
            raise ConfigError(f"config: name: {name} is an experiment of config.yaml; choose another")
        if name in experiments:
            raise ConfigError(f"config: compare: both would be called {name}; give one of them name=...")
        for section, values in counts(dataset).items():
            given = config.get(section, {})
            chosen[section] = {key: value for key, value in values.items() if key not in given}
        experiments[name] = chosen
    first, *beside = experiments
    if beside:
        experiments[first]["pages"] = {**experiments[first].get("pages", {}), "compare": beside}
    return {
        **{key: value for key, value in config.items() if key not in REQUEST},
        "suite": SUITE,
        "suites": {**config.get("suites", {}), SUITE: list(experiments)},
        "datasets": {**config.get("datasets", {}), data: dataset},
        "experiments": {**config.get("experiments", {}), **experiments},
    }


def name_of(network: Mapping[str, Any]) -> str:
    """Return the name of a network: that of its architecture or factory, of other weights, of a normalisation."""
    parts = [network["network"].rpartition("/")[2].rpartition(":")[2], Path(network.get("weights") or "").stem]
    normalisation = network.get("normalisation") or "none"
    parts += [] if normalisation == "none" else [normalisation if isinstance(normalisation, str) else "normalised"]
    return "-".join(dict.fromkeys(named(part) for part in parts if part))


def named(text: str) -> str:
    """Return a text as the name of an experiment: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "network"


def dataset_of(asked: Mapping[str, Any], datasets: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the section of the data set of a request: a known one, or a folder of images."""
    images = str(asked["images"])
    if images in datasets:
        return images, dict(datasets[images])
    folder = Path(images)
    if not folder.is_dir():
        raise ConfigError(
            f"config: images: {images} is neither a folder nor a data set; choose from {', '.join(datasets)}, "
            "or give a folder that holds train/<class>/ and test/<class>/, or class folders alone"
        )
    if not folder_of(folder, "test").is_dir():
        raise ConfigError(f"config: images: {images} holds train/ but no test/; name the folder of other images test/")
    size, channels = asked.get("size"), asked.get("channels")
    published = published_size(asked["network"])
    # Images in another form than that of their files are another data set.
    form = [f"{size or published}"] if size or published else []
    form += [{1: "grey", 3: "colour"}.get(channels, str(channels))] if channels else []
    if size is None or channels is None:
        found = shape_in(folder, size) if published is None else (3, published)
        channels, size = channels or found[0], size or found[1]
    name = "-".join([named(folder.resolve().name), *form])
    while name in datasets:
        name += "-images"
    return name, {"source": "folder", "folder": images, "size": size, "channels": channels}


def shape_in(folder: Path, side: int | None = None) -> tuple[int, int]:
    """Return the channels and the side of the images in a folder: those of the first image of each class.

    Raises:
        ConfigError: there is none, an image cannot be read, or no ``side`` is given and they have no common one.
    """
    firsts = [
        next(iter(sorted(one.iterdir())), None) for one in sorted(folder_of(folder, "test").iterdir()) if one.is_dir()
    ]
    shapes = set()
    for path in filter(None, firsts):
        try:
            with Image.open(path) as picture:
                shapes.add((1 if picture.mode in ("1", "L", "I;16") else 3, picture.size))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ConfigError(
                f"config: images: {path} is not a readable image ({error}); replace or remove it"
            ) from error
    if not shapes:
        raise ConfigError(
            f"config: images: {folder} has no class folders with images; name the folder of {{train,test}}/<class>/* "
            "or of <class>/*"
        )
    sizes = {size for _, size in shapes} if side is None else {(side, side)}
    if len(sizes) != 1 or len(set(*sizes)) != 1:
        listed = ", ".join(f"{width} x {height}" for width, height in sorted(sizes)[:3])
        raise ConfigError(
            f"config: images: their sizes differ or are not square ({listed}); give size=<side in pixels>"
        )
    return max(channels for channels, _ in shapes), next(iter(sizes))[0]


def published_size(network: str) -> int | None:
    """Return the side in pixels of the images that a published network takes; None for one's own."""
    check_architecture("config: network", network)
    family, _, name = network.partition("/")
    if family == "timm":
        import timm

        return timm.get_pretrained_cfg(name).input_size[1]
    if family == "torchvision":
        import torchvision

        return torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    return None


def networks_section(network: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section ``networks`` of one network of a request."""
    if unknown := set(network) - set(OF_NETWORK):
        raise ConfigError(f"config: compare: unknown key {min(unknown)!r}; allowed: {', '.join(OF_NETWORK)}")
    if "network" not in network:
        raise ConfigError("config: compare: needs the key network")
    name = network["network"]
    published = name.startswith(("timm/", "torchvision/"))
    if ":" in name and "weights" not in network:
        raise ConfigError(f"config: network={name} needs weights=<file> too: see docs/how-to/card.md")
    section = {"architecture": name, "at_chance": "accept"}
    for key in ("weights", "normalisation", "classes"):
        if key in network:
            section[key] = network[key]
    if published and "weights" not in network:
        section["weights"] = "published"
    if published and "classes" not in network and wordnet(dataset):
        section["classes"] = IMAGENET
    return section


def wordnet(dataset: Mapping[str, Any]) -> bool:
    """Whether all class folders of a data set are named by WordNet ids, as ImageNet's are."""
    if dataset["source"] != "folder":
        return False
    names = [entry.name for entry in folder_of(dataset["folder"], "test").iterdir() if entry.is_dir()]
    return bool(names) and all(re.fullmatch(r"n\d{8}", name) for name in names)


def roles(dataset: Mapping[str, Any]) -> dict[str, int]:
    """Return how many images of a data set have each role."""
    split = {name: count for name, count in known_images(dataset).items() if count}
    drawn = draw_roles({"dataset": "images", **dataset}, {"test": 0, **split})
    return {role: stop - start for role, (_, start, stop) in drawn.items()}


def counts(dataset: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the counts that suit a data set, by section, as docs/how-to/card.md explains them."""
    pixels, classes = math.prod(image_shape(dataset)), known_classes(dataset) or USUAL_CLASSES
    available = roles(dataset)
    directions, measured = available["directions"], available["measured"]
    targets = CLASSES if pixels <= DENSE else FEW_CLASSES
    chosen = "all" if classes <= targets else [round(i * (classes - 1) / (targets - 1)) for i in range(targets)]
    found = {"boundary": {"classes": chosen}, "scores": {"shown": 0 if chosen == "all" else chosen[0]}}
    if pixels <= DENSE:
        return merged(
            found,
            boundary={"images": min(50, directions)},
            perturbations={"images": min(directions, max(1000, round(1.3 * pixels))), "uap": {"images": 100}},
            accuracy={"training_images": 1000, "measured_images": min(measured, 2000), "ranks": 12},
            scores={"images": min(measured, 200)},
            confinement={"images": min(measured, 100), "ranks": 8},
            resampling={"images": min(measured, 500)},
        )
    found = merged(
        found,
        boundary={"images": 24},
        curvature={"solver": "lanczos", "directions": 5, "max_products": 100},
        figures={
            "fig3": ["curvature-positive", "curvature-negative", "pca", "random"],
            "scores": ["positive", "negative"],
        },
        pages={"explorer": []},
        perturbations={"images": min(directions, 1000), "uap": {"count": 2, "images": 50, "max_passes": 2}},
        accuracy={"training_images": 200, "measured_images": 500, "ranks": 10, "directions_per_class": 5},
        scores={"images": 60, "steps": 15, "curves": 30, "anchored_images": 20},
        confinement={"images": 40, "ranks": 5},
        slopes={"images": 25},
        resampling={"images": 100, "sides": [1.0, 0.66], "factors": [1, 5]},
    )
    if pixels <= LARGEST_SQUARE:
        return found
    attacked = min(directions, 250)
    return merged(
        found,
        boundary={"images": 8},
        curvature={"max_products": 48},
        bases={"directions": attacked, "pca_images": attacked},
        perturbations={"images": attacked, "uap": {"count": 2, "images": 30, "max_passes": 2}},
        accuracy={"training_images": 60, "measured_images": 60, "ranks": 7},
        scores={"images": 20, "steps": 9, "anchored_images": 5},
        slopes={"images": 5},
        confinement={"images": 12, "ranks": 4},
        resampling={"images": 25},
    )


def check_network(config: Mapping[str, Any], experiment: str) -> None:
    """Raise if the weights of a request do not fit its network, or the network does not accept the images.

    Raises:
        NetworkError: as when the network is imported, before the images are read.
    """
    import numpy as np
    import torch

    from friendlyfire.datasets.class_names import read_class_names
    from friendlyfire.networks.acceptance import check_logits
    from friendlyfire.networks.headers import record_of
    from friendlyfire.networks.network import build_network

    section = experiment_settings(config, experiment, "networks")
    weights = section["weights"]
    dataset = config["datasets"][config["experiments"][experiment]["dataset"]]
    if weights in (None, "published") or not known_classes(dataset):
        return
    shape = image_shape(dataset)
    names = read_class_names(section["classes"]) or record_of(weights).get("names")
    classes = len(names) if names else known_classes(dataset)
    network = build_network(section, np.zeros(shape, np.float32), 1.0, classes, weights)
    check_logits(network.all_logits, torch.full((1, *shape), 0.5), classes, section["architecture"])


def told(config: Mapping[str, Any]) -> list[str]:
    """Return what a request will do, and about how long that takes on this machine; nothing if there is none.

    Raises:
        NetworkError: see :func:`check_network`.
    """
    if config["suite"] != SUITE:
        return []
    for name in config["suites"][SUITE]:
        check_network(config, name)
    import torch

    from engine.speed import estimate

    torch.set_num_threads(config["threads"])
    # Without any handler, the first message of the library would turn on a second printing of Snakemake's own.
    logging.getLogger().addHandler(logging.NullHandler())
    on_gpu = config["device"] != "cpu" and torch.cuda.is_available()
    table, lines = estimate(config, torch.device("cuda" if on_gpu else "cpu")), []
    for name in config["suites"][SUITE]:
        experiment = config["experiments"][name]
        dataset = config["datasets"][experiment["dataset"]]
        chosen = "; ".join(
            f"{section}: {spelled({key: of_experiment[key] for key in values})}"
            for section, values in counts(dataset).items()
            if section not in ("pages", "figures")
            for of_experiment in [experiment_settings(config, name, section)]
        )
        lines.append(f"{name}: about {60 * table.loc[name, 'all, h']:.0f} minutes on this machine. Counts: {chosen}")
        divided = ", ".join(f"{count:,} {role}" for role, count in roles(dataset).items() if role != "training")
        lines.append(f"{name}: images by their role: {divided}; no count can exceed them")
    return lines


def spelled(options: Mapping[str, Any]) -> str:
    """Return options in words, those of a nested section in parentheses."""
    return ", ".join(
        f"{key} ({spelled(value)})" if isinstance(value, Mapping) else f"{key} {value}"
        for key, value in options.items()
    )


def merged(sections: Mapping[str, Mapping[str, Any]], **others: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return sections with the entries of others on top of them."""
    return {name: {**sections.get(name, {}), **others.get(name, {})} for name in dict.fromkeys([*sections, *others])}
