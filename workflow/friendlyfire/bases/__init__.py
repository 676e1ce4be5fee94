"""Orthonormal bases of image space, all of one form."""

SECTIONS = {
    "bases": {
        "description": "orthonormal bases of image space; in addition to these keys, your own bases by name",
        "options": {
            "directions": {
                "default": None,
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "number of columns of the controls dct and random; null to fill the space",
            },
            "pca_images": {
                "default": 10000,
                "type": "integer",
                "minimum": 2,
                "description": (
                    "how many of the images that make directions are used for the control pca and for your own bases"
                ),
            },
        },
    },
}
