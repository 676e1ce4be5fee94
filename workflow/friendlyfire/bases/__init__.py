"""Orthonormal bases of image space, all of one form."""

SECTIONS = {
    "bases": {
        "description": "orthonormal bases of image space; in addition to these keys, your own bases by name",
        "options": {
            "directions": {
                "default": None,
                "type": ["integer", "null"],
                "minimum": 1,
                "description": (
                    "number of columns of the controls dct and random, and at most as many of jacobian and untrained; "
                    "null to fill the space"
                ),
            },
            "pca_images": {
                "default": 10000,
                "type": "integer",
                "minimum": 2,
                "description": (
                    "how many of the images that make directions are used for the control pca and for your own bases"
                ),
            },
            "jacobian_images": {
                "default": 1000,
                "type": "integer",
                "minimum": 1,
                "description": "how many of the images that make directions are used for the basis jacobian",
            },
            "untrained_networks": {
                "default": 1000,
                "type": "integer",
                "minimum": 1,
                "description": "how many networks are drawn for the control untrained",
            },
            "untrained_images": {
                "default": 10,
                "type": "integer",
                "minimum": 1,
                "description": "at how many images each of these networks is differentiated",
            },
        },
    },
}
