"""Section 4.1: boundary points, and the mean Hessian of the margins there."""
