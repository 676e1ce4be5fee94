"""The shipped configuration, its schema, and configurations that hypothesis draws from it."""

import copy

import yaml
from hypothesis import strategies as st

from conftest import REPOSITORY
from engine.schema import with_defaults, with_stages

SCHEMA = with_stages(yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text()))
SHIPPED = with_defaults({}, yaml.safe_load((REPOSITORY / "config.yaml").read_text()))

#: Values that the schema allows for keys that depend on each other.
ALLOWED = {
    "networks": {"activation": st.sampled_from(["relu", "gelu"]), "width": st.floats(0.1, 4)},
    "perturbations": {"images": st.integers(1, 9999), "shards": st.integers(1, 99)},
    "boundary": {
        "classes": st.just("all") | st.lists(st.integers(0, 9), min_size=1, unique=True),
        "images": st.integers(2, 500),
    },
    "curvature": {
        "solver": st.sampled_from(["dense", "lanczos"]),
        "directions": st.just("all") | st.integers(1, 80),
        "max_products": st.integers(8, 300),
        "source": st.sampled_from(["clean", "rival"]),
        "shards": st.integers(1, 20),
    },
    "bases": {"directions": st.none() | st.integers(1, 64)},
    "accuracy": {"ranks": st.integers(1, 30) | st.lists(st.integers(1, 70), unique=True)},
    "figures": {
        "fig3": st.lists(st.sampled_from(["curvature-positive", "curvature-flat", "pca", "dct"]), unique=True),
        "fig4": st.lists(st.sampled_from(["deepfool-high", "deepfool-high-6px", "deepfool-low-9px"]), unique=True),
        "scores": st.lists(st.sampled_from(["positive", "negative", "flat"]), unique=True),
    },
}


@st.composite
def configurations(draw):
    """The shipped configuration with randomly drawn sections of the demo's experiment."""
    config = copy.deepcopy(SHIPPED)
    for stage, keys in ALLOWED.items():
        chosen = {key: draw(values) for key, values in keys.items() if draw(st.booleans())}
        config["experiments"]["digits-lenet"].setdefault(stage, {}).update(chosen)
    return config
