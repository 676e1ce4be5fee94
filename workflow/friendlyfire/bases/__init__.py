"""Orthonormal bases of image space, all of one form."""

SECTIONS = {
    "bases": {
        "description": "orthonormal bases of image space; beside these keys, your own by name",
        "options": {
            "directions": {
                "default": None,
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "how many columns the controls dct and random have; null to fill the space",
            },
            "pca_images": {
                "default": 10000,
                "type": "integer",
                "minimum": 2,
                "description": (
                    "how many of the images that make directions the control pca, and your own bases, are made of"
                ),
            },
        },
    },
}
