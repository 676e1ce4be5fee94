"""How far a decomposition can be trusted."""

from dataclasses import dataclass


@dataclass
class Quality:
    """The record of the decomposition of one class's mean Hessian."""

    asymmetry: float  #: ||H - H'|| / ||H + H'|| (Frobenius) of what was measured, before it was symmetrised
    residual: float  #: largest ||H v - theta v|| / max |theta| over the leading eigenpairs
    #: mean squared cosine between the leading subspaces of two halves of the sample; NaN where a Hessian is 0
    overlap: float
    leading: int  #: number of leading directions (largest absolute eigenvalues) that the last two are about
    points: int  #: boundary points in the mean
    gradients: int  #: gradients of single images that it cost
