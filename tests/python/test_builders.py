"""Builders of specifications, and job files."""

import inspect
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import sliceflow as sf
from conftest import PATIENCE, small

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from contract import Contract  # noqa: E402

EXAMPLES = sorted(ROOT.glob("examples/**/*.yaml"))
CONTRACT = Contract("sliceflow.v1")
NAMES = {name: getattr(sf, name) for name in sf.__all__}

CHOICES = [sf.Distribution, sf.Potential, sf.Interaction, sf.Mmd, sf.Model, sf.Solver, sf.Optimizer, sf.Metric, sf.Distance]
PARTS = [
    sf.Entropy,
    sf.SlicedWasserstein,
    sf.PorousMedium,
    sf.RelativeEntropy,
    sf.GeneratorParameter,
    sf.Output,
    sf.Schedule,
    sf.FlowSpec,
    sf.JobLimits,
    sf.JobSpec,
]


def message_of(part):
    return CONTRACT.messages[part._TYPE.DESCRIPTOR.full_name]


def kinds():
    """Every kind of every choice: what makes it, the message it fills, and the fields that stand beside the choice."""
    for choice in CHOICES:
        message = message_of(choice)
        members = message.oneofs[0].fields
        beside = [field for field in message.fields if field not in members]
        for member in members:
            maker = getattr(choice, choice._ALIAS.get(member.name, member.name))
            yield pytest.param(maker, member, beside, id=f"{choice.__name__}.{member.name}")


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def assert_tells(doc: str, comment: str) -> None:
    assert squeezed(comment) in squeezed(doc), f"its description does not say: {comment}"


@pytest.mark.parametrize(("maker", "member", "beside"), list(kinds()))
def test_every_kind_of_the_contract_can_be_made(maker, member, beside):
    """With each of its fields under the field's name, described in the contract's words."""
    own = CONTRACT.messages[member.type_name].fields if member.type_name else [member]
    if [field.name for field in own] == ["components"]:  # mixtures take arrays instead
        assert list(inspect.signature(maker).parameters) == ["means", "covariances", "weights"]
        return
    assert set(inspect.signature(maker).parameters) == {field.name for field in [*own, *beside]}
    if member.type_name:
        assert_tells(maker.__doc__, CONTRACT.messages[member.type_name].comment)
    for field in [*own, *beside]:
        assert_tells(maker.__doc__, field.comment)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_part_of_a_job_can_be_made(part):
    fields = [field for field in message_of(part).fields if not field.has_behavior("OUTPUT_ONLY")]
    assert set(inspect.signature(part).parameters) == {field.name for field in fields}
    for field in fields:
        if (part, field.name) != (sf.JobSpec, "spec"):  # whose words are of a job that exists
            assert_tells(part.__doc__, field.comment)


def test_choices_and_parts_are_all_that_jobs_and_distances_can_say():
    covered = {message_of(part).full_name for part in [*CHOICES, *PARTS, sf.Functional]}
    covered |= {member.type_name for choice in CHOICES for member in message_of(choice).oneofs[0].fields}
    covered |= {"sliceflow.v1.FunctionalTerm", "sliceflow.v1.Matrix"}
    open_ = ["sliceflow.v1.Job", "sliceflow.v1.Distance"]
    reached = set()
    while open_:
        name = open_.pop()
        if name in reached or name not in CONTRACT.messages or CONTRACT.messages[name].is_map_entry:
            continue
        reached.add(name)
        open_ += [field.type_name for field in CONTRACT.messages[name].fields if not field.has_behavior("OUTPUT_ONLY")]
    assert {name for name in reached - covered if not name.endswith(".Component")} == set()


def test_functionals_are_written_as_sums():
    functional = sf.Potential.mixture([[4, 0], [-4, 0]]) + 0.1 * sf.Entropy()
    terms = functional.to_proto().terms
    assert [list(c.mean) for c in terms[0].potential.gaussian_mixture.components] == [[4, 0], [-4, 0]]
    assert terms[1].weight == 0.1 and terms[1].HasField("entropy")
    assert (2 * functional - sf.PorousMedium() / 4).weights == (2, 0.2, -0.25)
    assert sum([sf.Entropy(), sf.Entropy()]) == sf.Entropy() + sf.Entropy()
    assert (-sf.Interaction.morse()).weights == (-1,)
    assert len(functional) == 2
    with pytest.raises(TypeError):
        sf.Entropy() + 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sf.Potential.quadratic(precision=[1, 2]), r"precision: must be a square matrix; it has the shape \[2\]"),
        (lambda: sf.Distribution.gaussian(mean=[[1]]), r"mean: must have one axis"),
        (lambda: sf.Distribution.mixture([1, 2]), r"means must have the shape \[components, dimension\]"),
        (lambda: sf.Distribution.mixture([[1], [2]], weights=[1, 2, 3]), r"weights must have the shape \[2\]"),
        (lambda: sf.Solver.sw_jko(variant="BEST"), r"variant: must be one of SLICED, MAX_SLICED, CONCENTRATION; it is 'BEST'"),
        (lambda: sf.Model.real_nvp(couplings=2.5), "couplings"),
        (lambda: sf.Model.latent_flow(real_nvp=sf.Model.particles()), "real_nvp: must be a RealNvp"),
        (lambda: sf.SlicedWasserstein(3), "dataset: must be a text"),
        (lambda: sf.RelativeEntropy(sf.Entropy()), "potential: must be a Potential"),
    ],
)
def test_what_has_no_place_in_a_message_is_refused_by_name(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_parts_are_values():
    a, b = sf.Model.real_nvp(couplings=4), sf.Model.real_nvp(couplings=np.int64(4))
    assert a == b and hash(a) == hash(b) and a != sf.Model.real_nvp()
    a.to_proto().real_nvp.couplings = 9  # a copy
    assert a == b
    spec = small()
    assert (spec.dimension, spec.model.kind, spec.solver.kind, spec.initial.kind, spec.seed) == (2, "real_nvp", "sw_jko", "", 7)
    assert sf.FlowSpec.from_proto(spec.to_proto()) == spec


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_printed_and_written(path, tmp_path):
    job = sf.JobSpec.read(path)
    assert sf.JobSpec.from_yaml(job.to_yaml()) == job
    # What is printed makes the same job, where its arrays are short enough to be spelled out.
    if "numbers ..." not in repr(job):
        made = eval(repr(job), dict(NAMES))
        assert made.spec.functional.weights == job.spec.functional.weights
        assert eval(repr(made), dict(NAMES)) == made
    job.write(tmp_path / "job.yaml")
    assert sf.JobSpec.read(tmp_path / "job.yaml") == job


def test_a_job_file_that_is_wrong_tells_everything_beside_its_line():
    text = """displayNme: x
spec:
  dimension: two
  schedule: {stepSize: 0.1, numSteps: 2, endTime: 3, clock: NOON}
  functional:
    terms: [{entropy: , potential: {}}]
  seed: 1
  seed: 2
labels: {a: 1, a: 2}
"""
    with pytest.raises(sf.JobFileError) as caught:
        sf.JobSpec.from_yaml(text)
    assert caught.value.problems == [
        "(text):1:1: displayNme: there is no such field; did you mean displayName?",
        "(text):3:14: spec.dimension: must be a whole number; it is 'two'",
        "(text):4:42: spec.schedule.endTime: cannot stand beside numSteps: only one of them can be given",
        "(text):4:61: spec.schedule.clock: must be one of SLICED, WASSERSTEIN; it is 'NOON'",
        "(text):6:14: spec.functional.terms[0].entropy: has no value; leave it out, or write {}",
        "(text):6:25: spec.functional.terms[0].potential: cannot stand beside entropy: only one of them can be given",
        "(text):8:3: spec.seed: is given twice",
        "(text):9:16: labels.a: is given twice",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("spec: [", "this is not YAML"),
        ("spec: \x00", "this is not YAML"),
        ("[1, 2]", "must be a mapping of displayName, spec"),
        ("spec: " + "{spec: " * 5000, "nested too deeply|not YAML"),
        ("x: &a [" + "1," * 999 + "]\nspec: {initial: {gaussian: {mean: 3}}}", "must be a list"),
    ],
)
def test_a_text_that_is_no_job_file_is_refused(text, words):
    with pytest.raises(sf.JobFileError, match=words):
        sf.JobSpec.from_yaml(text)


def test_numbers_are_read_as_the_command_line_reads_them():
    job = sf.JobSpec.from_yaml(
        "spec: {dimension: 2.0, seed: '18446744073709551615', schedule: {step_size: 1e-3, numSteps: 1e3, stepHalving: true}}"
    )
    assert (job.spec.dimension, job.spec.seed) == (2, 2**64 - 1)
    assert job.spec.schedule == sf.Schedule(0.001, num_steps=1000, step_halving=True)
    for wrong in ("dimension: 2.5", "dimension: 3000000000", "seed: -1", "schedule: {stepSize: 0x10}", "schedule: {stepHalving: yes}"):
        with pytest.raises(sf.JobFileError, match="must be"):
            sf.JobSpec.from_yaml(f"spec: {{{wrong}}}")


def test_what_is_written_is_for_people():
    job = sf.JobSpec(small(seed=2**63), labels={"number": "12", "code": "007", "word": "no"})
    text = job.to_yaml()
    assert "seed: 9223372036854775808\n" in text and "center: [1.0, 0.0]" in text and "schedule: {stepSize: 0.1, numSteps: 3}" in text
    assert sf.JobSpec.from_yaml(text) == job


def test_what_the_server_answers_can_be_submitted_again(client, done):
    again = sf.JobSpec.from_yaml("name: jobs/x\nstate: RUNNING\n" + done.info.job.to_yaml())
    assert again == done.info.job
    assert client.validate(again) == again  # all defaults are filled in


def test_a_job_is_submitted_from_a_file(client, tmp_path):
    sf.JobSpec(small(), display_name="from a file").write(tmp_path / "job.yaml")
    job = client.submit(tmp_path / "job.yaml")
    assert job.info.display_name == "from a file"
    job.result(timeout=PATIENCE)


@pytest.mark.parametrize("path", [path for path in EXAMPLES if "datasets/" not in path.read_text()], ids=lambda path: path.stem)
def test_the_server_takes_every_example(client, path):
    filled = client.validate(path)
    assert client.validate(filled) == filled


def test_yaml_is_missed_by_the_name_of_its_extra():
    """Without PyYAML the package works, and a job file is refused with what to install."""
    program = """
import sys
sys.modules["yaml"] = None
import sliceflow as sf
spec = sf.FlowSpec(1, sf.Entropy(), sf.Schedule(0.1, num_steps=1))
try:
    sf.JobSpec(spec).to_yaml()
except ImportError as error:
    print(error)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert answer.stdout == "this needs PyYAML: pip install 'sliceflow[yaml]'\n"
