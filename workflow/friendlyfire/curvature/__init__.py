"""Section 4.1: boundary points, and the mean Hessian of the margins at these points."""

SECTIONS = {
    "boundary": {
        "description": "points on the boundary of each class, found by targeted DeepFool",
        "options": {
            "images": {
                "default": 100,
                "type": "integer",
                "minimum": 2,
                "description": (
                    "how many of the images that make directions are moved to the boundary of each target class"
                ),
            },
            "classes": {
                "default": "all",
                "description": "target classes whose boundaries are found: all, or a list of their indices",
                "anyOf": [
                    {"const": "all"},
                    {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer", "minimum": 0}},
                ],
            },
            "step_back": {
                "default": 1.0,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": (
                    "fraction of the perturbation at which the boundary point is taken; the reference"
                    " code has 0.84 in these units (0.8 of a perturbation lengthened by a factor of 1.05)"
                ),
            },
        },
    },
    "curvature": {
        "description": "mean Hessian of the margin at the boundary points (algorithm 1) and its eigenpairs",
        "options": {
            "source": {
                "default": "clean",
                "enum": ["clean", "rival"],
                "description": (
                    "class whose score is subtracted in the margin: the predicted class of the clean "
                    "image (algorithm 1), or the strongest other class at the boundary point (the "
                    "closest neighbour of the paper's prose)"
                ),
            },
            "hessian": {
                "default": "differences",
                "enum": ["differences", "one-sided", "exact"],
                "description": (
                    "central differences of the gradient; for smooth networks, one-sided differences at half the cost, "
                    "or exact automatic differentiation"
                ),
            },
            "step": {
                "default": "reference",
                "description": (
                    "step of the differences, in units of the data range; reference for 10 sqrt(d) / 512, and with "
                    "one-sided differences for a small step (smooth_step)"
                ),
                "anyOf": [{"const": "reference"}, {"type": "number", "minimum": 0.0001, "maximum": 100}],
            },
            "probes": {
                "default": "pixels",
                "enum": ["pixels", "random"],
                "description": "orthonormal basis along which the dense Hessian is measured",
            },
            "solver": {
                "default": "dense",
                "enum": ["dense", "lanczos"],
                "description": "dense for the whole spectrum, or lanczos for its two ends, for large images",
            },
            "directions": {
                "default": "all",
                "description": (
                    "eigenvectors to store per class of each kind (positive, negative, flat), or "
                    "all; with lanczos, the number at each end of the spectrum"
                ),
                "anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1}],
            },
            "tolerance": {
                "default": 0.001,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": ("lanczos: residual, relative to the largest eigenvalue, at which a pair has converged"),
            },
            "max_products": {
                "default": 1000,
                "type": "integer",
                "minimum": 8,
                "description": "lanczos: largest number of products with the Hessian",
            },
            "leading": {
                "default": 10,
                "type": "integer",
                "minimum": 1,
                "description": "number of leading directions in the quality record",
            },
            "shards": {
                "default": 1,
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "description": "number of jobs that the target classes are divided into",
            },
        },
    },
}
