"""Images and their roles: which are trained on, make directions, are held out, are measured."""
