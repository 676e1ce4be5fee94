"""The algorithms of Friendly Fire: tensors and callables in, tensors out.

Names are loaded when they are first used, so that a figure needs no torch.
"""

import importlib

_PUBLIC = {
    "accuracy": ("correct_by_rank", "nested_projections"),
    "architectures": ("alexnet", "lenet", "nin"),
    "bases": ("Basis", "cosine_basis", "interleave", "orthonormalise", "random_basis", "singular_directions"),
    "curvature": (
        "Eigenpairs",
        "Quality",
        "decompose_dense",
        "decompose_lanczos",
        "products_along",
        "subspace_overlap",
    ),
    "datasets": ("Dataset",),
    "errors": (
        "BasisError",
        "ConfigError",
        "CurvatureError",
        "DataError",
        "FriendlyFireError",
        "NetworkError",
        "StoreError",
    ),
    "fractions": ("norm_fractions",),
    "gradients": ("fgsm", "saliency"),
    "hessians": ("DifferenceHessian", "ExactHessian", "PooledHessian", "reference_step"),
    "intervals": ("mean_interval", "wilson_interval"),
    "networks": ("Network", "as_pixels", "load_network", "predict", "save_network"),
    "perturbations": ("Attack", "deepfool"),
    "ranks": ("spaced_ranks",),
    "resampling": ("Resampled", "resample"),
    "seeds": ("derive_seed",),
    "statuses": ("Status",),
    "stores": ("Store", "create_store", "open_store"),
    "training": ("train",),
    "uap": ("Universal", "universal"),
}

#: The module that a name comes from.
MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(MODULE_OF)


def __getattr__(name: str):
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
