"""Text of docs/gallery.md: the job files of examples/, by solver and model, each with its comment and its picture."""

import pathlib

import yaml

HEAD = """# Examples

The job files of [examples/](../examples/quickstart.yaml), written by `scripts/generate_docs.py`; nothing here is edited by hand. Each picture is of
a run of the file as it is (`scripts/gallery`): from the left samples at four times, the energy, and the first metric where the job has one. Of more
than two dimensions the first two are drawn, of images the first 25. Where the file begins with an upload, the pictures took MNIST, its digits
averaged to 8 by 8 points, two half circles for `points`, or the table that the file names. Target data are orange.

Save a file and submit it: `sliceflow submit ring.yaml --watch`.
"""
FIRST = ("quickstart", "ring")  # shown before the others of their group
DENSITY = ("realNvp", "icnn", "grid")
# What a job file is shown under: by its solver, and of SW-JKO by its model.
GROUPS = {
    "SW-JKO with a density": lambda solver, model: solver == "swJko" and model in DENSITY,
    "SW-JKO with particles": lambda solver, model: solver == "swJko" and model == "particles",
    "SW-JKO with generators": lambda solver, model: solver == "swJko" and model not in (*DENSITY, "particles"),
    "The classic scheme": lambda solver, model: solver in ("pairedJko", "jkoIcnn", "entropicJko"),
    "Langevin dynamics": lambda solver, model: solver in ("eulerMaruyama", "mala"),
}
# The test of the documentation has the server check the files; those that name data sets need some of the right shape.
BEFORE = """<!-- before: python -c 'import numpy as np; r = np.random.default_rng(5); t = r.normal(size=(40, 9)); t[:, -1] = np.sign(t[:, 0]);
tables = dict(diabetis=t, mnist=r.random((20, 784)), points=r.normal(size=(40, 2)), digits=r.random((40, 64)));
[np.save(f"{name}.npy", table) for name, table in tables.items()]'; for n in diabetis mnist points digits; do sliceflow upload $n.npy --id $n; done -->
"""


class Example:
    def __init__(self, path: pathlib.Path):
        text = path.read_text(encoding="utf-8")
        job = yaml.safe_load(text)
        self.name = path.stem
        self.title = job["displayName"]
        comments = [line for line in text.splitlines() if line.startswith("#") and "yaml-language-server" not in line]
        self.comment = "\n".join(line.removeprefix("#").strip() for line in comments)
        self.solver = next(iter(job["spec"].get("solver", {"swJko": {}})))
        self.model = next(iter(job["spec"].get("model", {"realNvp": {}})))

    def section(self) -> str:
        return "\n".join([
            f"### {self.name}", "", f"**{self.title}.** {self.comment}", "",
            f"![{self.title}](images/gallery/{self.name}.png)", "",
            "```yaml", f'--8<-- "examples/{self.name}.yaml"', "```", "",
            f"[{self.name}.yaml](../examples/{self.name}.yaml)", "",
        ])


def page(root: pathlib.Path) -> str:
    paths = sorted((root / "examples").glob("*.yaml"), key=lambda path: (path.stem not in FIRST, path.stem))
    examples = [Example(path) for path in paths]
    text = HEAD
    for title, belongs in GROUPS.items():
        text += f"\n## {title}\n\n" + "\n".join(each.section() for each in examples if belongs(each.solver, each.model))
    return text.replace("```yaml\n", BEFORE + "```yaml\n", 1)
