"""Quality of a decomposition."""

from dataclasses import dataclass


@dataclass
class Quality:
    """Quality record of the decomposition of one class's mean Hessian."""

    asymmetry: float  #: ||H - H'|| / ||H + H'|| (Frobenius) of the measured matrix, before it was symmetrised
    residual: float  #: largest ||H v - theta v|| / max |theta| over the leading eigenpairs
    #: mean squared cosine between the leading subspaces of two halves of the sample; NaN where a Hessian is 0
    overlap: float
    leading: int  #: number of leading directions (largest absolute eigenvalues) for the last two measures
    points: int  #: boundary points in the mean
    gradients: int  #: gradients of single images in total
