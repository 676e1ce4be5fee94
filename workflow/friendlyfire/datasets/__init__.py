"""Images and their roles: training, making directions, held out, measured."""
