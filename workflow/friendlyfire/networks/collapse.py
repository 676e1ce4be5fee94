"""Catastrophic overfitting, seen in a learning curve."""

from collections.abc import Sequence

#: A collapse leaves less than this fraction of the best accuracy under attack so far. ASSUME: catastrophic overfitting
#: leaves next to nothing, and ordinary epochs differ by less.
COLLAPSED = 0.5

#: Best accuracies below this are those of a network that has not learned to withstand anything yet. ASSUME.
LEARNED = 0.1


def collapse(accuracies: Sequence[float]) -> int | None:
    """Return the first epoch, from 1, whose accuracy under attack is less than half of the best before it, if any.

    Training on single steps may overfit to them within an epoch: the network withstands these steps and nothing else.
    Source: E. Wong, L. Rice, J. Z. Kolter, "Fast is better than free", ICLR 2020, section 5.4.
    """
    best = 0.0
    for epoch, accuracy in enumerate(accuracies, start=1):
        if accuracy < COLLAPSED * best and best >= LEARNED:
            return epoch
        best = max(best, accuracy)
    return None


def in_words(accuracies: Sequence[float]) -> str:
    """State that and when the accuracy under attack collapsed; empty if it did not."""
    epoch = collapse(accuracies)
    if epoch is None:
        return ""
    before, after = max(accuracies[: epoch - 1]), accuracies[epoch - 1]
    return (
        f"the accuracy under attack collapsed in epoch {epoch}, from {before:.1%} to {after:.1%} (catastrophic "
        "overfitting); take shorter steps, fewer epochs, or attacks of more steps (robust: pgd)"
    )
