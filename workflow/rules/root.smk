"""ROOT, the folder of the workflow. No rule."""

import os
import subprocess
from pathlib import Path

from snakemake.sourcecache import LocalSourceFile


def cloned(source):
    """Return a clone, in .snakemake, of the repository that Snakemake reads this file from, at the same commit.

    Snakemake reads single files of a repository; the library and the scripts need all of them.
    """

    def git(*arguments):
        return subprocess.run(["git", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    repository = source.hosted_repo.repo_clone
    commit = git("-C", repository, "rev-parse", "--verify", f"{source.ref}^{{commit}}")
    folder = Path(".snakemake", "friendlyfire", commit).resolve()
    if not folder.exists():
        partial = folder.with_name(f"{commit}.{os.getpid()}")
        git("clone", "--quiet", "--no-checkout", repository, partial)
        git("-C", partial, "checkout", "--quiet", "--detach", commit)
        partial.rename(folder)
    return folder


above = workflow.current_basedir.join("../..")
ROOT = Path(os.path.abspath(above)) if isinstance(above, LocalSourceFile) else cloned(above)
