"""The command line against a real daemon and its worker.

Usage: cli_test.py FOLDER_OF_BINARIES [unittest argument...]
"""

import copy
import gzip
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import yaml

BIN = pathlib.Path(sys.argv[1]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEADLINE = 100  # seconds for one command; only a hang reaches it

# Fast, with a density: 2 steps of a small RealNVP from the standard Gaussian.
SMALL = {
    "displayName": "small",
    "spec": {
        "dimension": 2,
        "functional": {"terms": [{"potential": {"quadratic": {"center": [1, 0]}}}, {"entropy": {}}]},
        "solver": {"swJko": {"innerIterations": 10, "numProjections": 20, "batchSize": 64, "maxAttempts": 1}},
        "model": {"realNvp": {"couplings": 2, "hiddenWidth": 16}},
        "schedule": {"stepSize": 0.1, "numSteps": 2},
        "output": {"samplesPerStep": 50},
        "seed": 7,
    },
}


def changed(change):
    job = copy.deepcopy(SMALL)
    change(job["spec"])
    return job


def never_ending(spec):
    spec["schedule"]["numSteps"] = 1000
    spec["solver"]["swJko"]["innerIterations"] = 1000


# Distances of some thousand to the 16th power are beyond float32.
def diverging(spec):
    spec["initial"] = {"gaussian": {"covariance": {"values": [1e6, 0, 0, 1e6]}}}
    spec["functional"] = {"terms": [{"interaction": {"powerLaw": {"attraction": 16, "repulsion": 2}}}]}
    spec["model"] = {"particles": {"count": 20}}
    spec["output"] = {"samplesPerStep": 20}


class Server:
    def __init__(self, folder: pathlib.Path):
        ready = folder / "ready.json"
        self.log = open(folder / "server.log", "wb")
        self.process = subprocess.Popen(
            [BIN / "sliceflowd", "--data-dir", folder / "state", "--listen", "127.0.0.1:0", "--ready-file", ready],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        give_up = time.monotonic() + 60
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError("the server did not start:\n" + (folder / "server.log").read_text(errors="replace"))
            time.sleep(0.02)
        self.address = json.loads(ready.read_text())["grpc"]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="sliceflow-e2e-")
        cls.folder = pathlib.Path(cls.holder.name)
        cls.addClassCleanup(cls.holder.cleanup)
        cls.server = Server(cls.folder)
        cls.addClassCleanup(cls.server.stop)
        cls.environment = {**os.environ, "SLICEFLOW_SERVER": cls.server.address}
        cls.environment.pop("NO_COLOR", None)
        cls.done = json.loads(cls.cli("submit", "--json", cls.job_file(SMALL)).stdout)["name"]
        cls.cli("watch", cls.done)

    @classmethod
    def cli(cls, *arguments, code=0, stdin=None):
        result = subprocess.run([BIN / "sliceflow", *map(str, arguments)], env=cls.environment, input=stdin, capture_output=True, text=True,
                                timeout=DEADLINE, cwd=cls.folder, check=False)
        if result.returncode != code:
            raise AssertionError(f"{arguments}: exit code {result.returncode}, not {code}\n{result.stdout}\n{result.stderr}")
        return result

    @classmethod
    def job_file(cls, job, name="job.yaml"):
        path = cls.folder / name
        path.write_text(yaml.safe_dump(job, allow_unicode=True))
        return path

    def submit(self, job):
        return self.cli("submit", self.job_file(job)).stdout.strip()

    # ---- jobs
    def test_submit_and_watch_prints_the_name_and_a_line_for_each_event(self):
        result = self.cli("submit", self.job_file(SMALL), "--watch")
        lines = result.stdout.splitlines()
        self.assertTrue(lines[0].startswith("jobs/"))
        steps = [line for line in lines if line.startswith("step ")]
        self.assertEqual([line.split()[1] for line in steps], ["0/2", "1/2", "2/2"])
        self.assertTrue(lines[-1].startswith("SUCCEEDED"))

    def test_submit_reads_standard_input_and_json(self):
        name = self.cli("submit", "-", stdin=json.dumps(SMALL)).stdout.strip()
        self.assertEqual(self.cli("watch", name).stdout.splitlines()[-1].split(":")[0], "SUCCEEDED")

    def test_a_request_id_makes_one_job(self):
        file = self.job_file(SMALL)
        self.assertEqual(self.cli("submit", file, "--request-id", "once").stdout, self.cli("submit", file, "--request-id", "once").stdout)

    def test_get_shows_defaults_and_can_be_submitted_again(self):
        text = self.cli("get", self.done, "--json").stdout
        job = json.loads(text)
        self.assertEqual(job["state"], "SUCCEEDED")
        self.assertEqual(job["spec"]["solver"]["swJko"]["optimizer"]["adam"]["learningRate"], 0.005)
        again = self.cli("validate", "-", stdin=text)
        self.assertIn("name: is set by the server and left out here", again.stderr)
        lines, specification = self.cli("get", self.done.removeprefix("jobs/")).stdout.split("\n\n")
        self.assertIn("SUCCEEDED", lines)
        self.assertEqual(yaml.safe_load(specification)["spec"]["solver"]["swJko"]["optimizer"]["adam"]["learningRate"], 0.005)
        self.assertEqual(self.cli("validate", "-", stdin=specification).stderr, "")

    def test_list_filters_and_limits(self):
        jobs = json.loads(self.cli("list", "--json", "--filter", "state = SUCCEEDED", "--limit", "1000").stdout)["jobs"]
        self.assertIn(self.done, [job["name"] for job in jobs])
        self.assertEqual({job["state"] for job in jobs}, {"SUCCEEDED"})
        self.assertEqual(len(json.loads(self.cli("list", "--json", "--limit", "1").stdout)["jobs"]), 1)
        self.assertIn(self.done, self.cli("list", "--order-by", "create_time").stdout)
        self.cli("list", "--filter", "colour = red", code=4)

    def test_watch_after_a_sequence_and_as_json(self):
        events = [json.loads(line)["event"] for line in self.cli("watch", self.done, "--json").stdout.splitlines()]
        sequences = [int(event["sequence"]) for event in events]
        self.assertEqual(sequences, list(range(1, len(events) + 1)))
        rest = [json.loads(line)["event"] for line in self.cli("watch", self.done, "--json", "--after", sequences[2]).stdout.splitlines()]
        self.assertEqual(rest, events[3:])
        self.assertEqual(self.cli("watch", self.done, "--after", sequences[-1]).stdout, "")

    def test_watch_saves_the_samples_of_all_steps(self):
        self.cli("watch", self.done, "--save-samples", "steps.npz")
        arrays = np.load(self.folder / "steps.npz")
        self.assertEqual(arrays.files, ["step_0000", "step_0001", "step_0002", "times", "sliced_times", "energies"])
        self.assertEqual(arrays["step_0002"].shape, (50, 2))
        np.testing.assert_allclose(arrays["times"], [0, 0.1, 0.2], atol=1e-12)
        np.testing.assert_allclose(arrays["sliced_times"], [0, 0.05, 0.1], atol=1e-12)
        self.cli("watch", self.done, "--save-samples", "steps.csv", code=2)

    def test_a_cancelled_job_ends_its_watch_with_1_and_can_be_deleted(self):
        name = self.submit(changed(never_ending))
        self.cli("delete", name, code=4)
        self.cli("cancel", name)
        self.assertTrue(self.cli("watch", name, code=1).stdout.splitlines()[-1].startswith("CANCELLED"))
        self.cli("delete", name)
        self.cli("undelete", name)
        self.cli("delete", name, "--purge")
        self.assertIn("NOT_FOUND", self.cli("get", name, code=4).stderr)

    def test_a_paused_job_waits_until_it_is_resumed(self):
        name = self.submit(changed(never_ending))
        self.assertIn(f"{name} is PAUSED", self.cli("pause", name).stderr)
        self.assertEqual(json.loads(self.cli("get", name, "--json").stdout)["state"], "PAUSED")
        self.assertIn(f"{name} is QUEUED", self.cli("resume", name).stderr)
        self.cli("cancel", name)
        self.assertIn("the job has ended: CANCELLED", self.cli("pause", name, code=4).stderr)

    def test_a_fork_goes_on_from_a_step(self):
        file = self.job_file({"overrides": {"schedule": {"stepSize": 0.05, "numSteps": 3}}}, "fork.yaml")
        self.assertIn("SUCCEEDED", self.cli("fork", self.done, "--step", 1, "--file", file, "--watch").stdout)

    def test_a_job_that_diverges_ends_its_watch_with_1(self):
        result = self.cli("submit", self.job_file(changed(diverging)), "--watch", code=1)
        self.assertTrue(result.stdout.splitlines()[-1].startswith("FAILED: "), result.stdout)

    def test_control_c_leaves_the_job_running_and_says_how_to_come_back(self):
        name = self.submit(changed(never_ending))
        watch = subprocess.Popen([BIN / "sliceflow", "watch", name], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(watch.stdout.readline(), "")  # it follows
        watch.send_signal(signal.SIGINT)
        _, messages = watch.communicate(timeout=DEADLINE)
        self.assertEqual(watch.returncode, 130)
        self.assertIn(f"come back with: sliceflow watch {name} --after ", messages)
        self.assertIn(json.loads(self.cli("get", name, "--json").stdout)["state"], ("QUEUED", "RUNNING"))
        self.cli("cancel", name)

    # ---- races
    def test_race_runs_each_solver_with_a_model_that_fits(self):
        job = changed(lambda spec: spec["output"].update(metrics=[{"closedForm": {}}]))
        file = self.job_file(job, "race.yaml")
        race = json.loads(self.cli("race", file, "--solvers", "swJko,eulerMaruyama", "--json").stdout)
        self.assertEqual(race["metric"], "closed_form_symmetric_kl")
        self.assertEqual([(lane["solver"], lane["model"], lane["state"]) for lane in race["lanes"]],
                         [("swJko", "realNvp", "SUCCEEDED"), ("eulerMaruyama", "particles", "SUCCEEDED")])
        for lane in race["lanes"]:
            self.assertEqual([point["step"] for point in lane["points"]], [0, 1, 2])
        # The file's solver keeps its parameters.
        spec = json.loads(self.cli("get", race["lanes"][0]["job"], "--json").stdout)["spec"]
        self.assertEqual(spec["solver"]["swJko"]["batchSize"], 64)
        self.assertEqual(self.cli("race", file, "--solvers", "swJko,unheardOf", code=2).stdout, "")

    def test_race_refuses_a_figure_that_steps_do_not_have_before_any_job(self):
        file = self.job_file(changed(lambda spec: spec["output"].update(metrics=[{"closedForm": {}}])), "race.yaml")
        before = self.cli("list", "--json").stdout
        refused = self.cli("race", file, "--solvers", " swJko , pairedJko", "--metric", "luck", code=2)
        self.assertIn("steps have no 'luck'; they have energy, closed_form_symmetric_kl", refused.stderr)
        self.assertEqual(self.cli("list", "--json").stdout, before)

    def test_race_tells_what_stands_against_the_model_that_would_fit(self):
        metric = self.job_file(changed(lambda spec: spec["output"].update(metrics=[{"relativeEntropyToTarget": {}}])), "race.yaml")
        refused = self.cli("race", metric, "--solvers", "pairedJko, mala", code=4).stderr
        self.assertIn("spec.solver.mala: moves particles, so it needs spec.model particles", refused)
        self.assertIn("metrics[0].relativeEntropyToTarget: with spec.solver mala and spec.model particles: needs a model with a density", refused)
        beside = self.job_file(changed(lambda spec: spec.update(initial={"gaussian": {"mean": [3, 0]}})), "race.yaml")
        refused = self.cli("race", beside, "--solvers", "swJko,entropicJko", code=4).stderr
        self.assertIn("spec.solver.entropicJko: works on the nodes of a grid, so it needs spec.model grid", refused)
        self.assertIn("with spec.solver entropicJko and spec.model grid: the box must hold spec.initial", refused)

    def test_race_cancels_what_runs_when_the_time_is_over(self):
        file = self.job_file(changed(never_ending), "race.yaml")
        result = self.cli("race", file, "--solvers", "swJko,pairedJko", "--seconds", "0.5")
        rows = [line.split() for line in result.stdout.splitlines()]
        self.assertIn(["swJko", "realNvp", "CANCELLED"], [row[:3] for row in rows])
        self.assertIn(["pairedJko", "realNvp", "CANCELLED"], [row[:3] for row in rows])

    def test_control_c_cancels_the_racing_job(self):
        race = subprocess.Popen([BIN / "sliceflow", "race", self.job_file(changed(never_ending), "race.yaml"), "--solvers", "swJko,pairedJko"],
                                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("swJko", race.stderr.readline())
        race.send_signal(signal.SIGINT)
        output, _ = race.communicate(timeout=DEADLINE)
        self.assertEqual((race.returncode, output), (130, ""))
        running = json.loads(self.cli("list", "--json", "--filter", "state = RUNNING").stdout).get("jobs", [])
        self.assertEqual(running, [])

    # ---- samples and densities
    def test_samples_are_the_same_in_every_format(self):
        for ending in ("npz", "npy", "csv"):
            self.cli("sample", self.done, "--count", 40, "--seed", 3, "-o", f"x.{ending}")
        npz = np.load(self.folder / "x.npz")["samples"]
        self.assertEqual((npz.shape, npz.dtype), ((40, 2), np.float32))
        np.testing.assert_array_equal(npz, np.load(self.folder / "x.npy"))
        np.testing.assert_array_equal(npz, np.loadtxt(self.folder / "x.csv", delimiter=",", dtype=np.float32))
        printed = self.cli("sample", self.done, "--count", 40, "--seed", 3).stdout.splitlines()
        np.testing.assert_array_equal(npz, np.loadtxt(printed, delimiter=",", dtype=np.float32))
        listed = json.loads(self.cli("sample", self.done, "--count", 40, "--seed", 3, "--json").stdout)["samples"]
        np.testing.assert_array_equal(npz, np.array(listed, dtype=np.float32))

    def test_the_density_of_step_0_is_the_standard_gaussian(self):
        points = np.random.default_rng(1).normal(size=(30, 2))
        np.save(self.folder / "points.npy", points)
        self.cli("density", self.done, "--points", "points.npy", "--step", 0, "-o", "density.npz")
        expected = -0.5 * (points**2).sum(1) - np.log(2 * np.pi)
        # float32 of numbers below 10: 1e-6 relative, a few operations more.
        np.testing.assert_allclose(np.load(self.folder / "density.npz")["log_density"], expected, atol=1e-4)
        self.cli("density", self.done, "--points", "absent.npy", code=2)

    def test_what_cannot_be_drawn_is_refused_and_leaves_no_file(self):
        self.cli("sample", self.done, "--step", 99, "--count", 5, "-o", "none.npz", code=4)
        self.assertFalse((self.folder / "none.npz").exists())
        self.cli("sample", self.done, "--count", 5, "-o", "none.txt", code=2)
        self.cli("sample", self.done, "--count", 5, "-o", ".npz", code=2)
        self.assertFalse((self.folder / ".npz").exists())
        self.cli("sample", self.done, "--count", 5, "-o", "nowhere/none.npz", code=2)

    # ---- distances
    def test_the_distance_from_step_0_to_known_densities_and_data(self):
        # Step 0 is N(0, I) exactly: its W2² to N((2, 0), I) by Gaussian fits is 4, and its KL 2.
        (self.folder / "moved.yaml").write_text("gaussian: {mean: [2, 0]}\n")
        answer = json.loads(self.cli("distance", f"{self.done}@0", "moved.yaml", "--kind", "bures", "--json").stdout)
        self.assertLess(abs(answer["value"] - 4), 4 * answer["standardError"])
        text = self.cli("distance", "moved.yaml", f"{self.done}@0", "--kind", "kl", "--samples", 5000, "--seed", 2).stdout
        value, error = (float(part) for part in text.split("±"))
        self.assertLess(abs(value - 2), 4 * error)
        np.save(self.folder / "far.npy", np.full((3, 2), 10, np.float32))
        self.cli("upload", "far.npy", "--id", "far")
        answer = json.loads(self.cli("distance", self.done, "datasets/far", "--projections", 50, "--json").stdout)
        self.assertEqual((answer["firstSamples"], answer["secondSamples"], answer["request"]["first"]["jobStep"]["step"]), (10000, 3, 2))

    def test_a_distance_that_cannot_be_is_refused(self):
        (self.folder / "space.yaml").write_text("gaussian: {mean: [0, 0, 0]}\n")
        self.assertIn("second.gaussian.mean", self.cli("distance", self.done, "space.yaml", code=4).stderr)
        (self.folder / "typo.yaml").write_text("gaussian: {mean: [0, 0], covariances: {}}\n")
        self.assertIn("typo.yaml:1:26", self.cli("distance", self.done, "typo.yaml", code=4).stderr)
        self.cli("distance", f"{self.done}@last", "space.yaml", code=2)
        self.cli("distance", self.done, "nowhere.yaml", code=2)
        self.cli("distance", self.done, self.done, "--kind", "kl", "--projections", 5, code=2)
        self.assertIn("KEPT", self.cli("distance", f"{self.done}@77", self.done, "--json", code=4).stderr)

    # ---- data sets
    def test_upload_reads_csv_npy_and_compressed_idx(self):
        (self.folder / "table.csv").write_text("a,b,label\n1,2,-1\n3,4,1\n")
        self.assertEqual(self.cli("upload", "table.csv", "--id", "e2e-table").stdout, "datasets/e2e-table\n")
        np.save(self.folder / "table.npy", np.ones((5, 3), np.float32))
        self.assertEqual(json.loads(self.cli("upload", "table.npy", "--json").stdout)["rows"], "5")
        images = np.arange(4 * 2 * 2, dtype=np.uint8)
        (self.folder / "images-ubyte.gz").write_bytes(gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 4, 2, 2) + images.tobytes()))
        dataset = json.loads(self.cli("upload", "images-ubyte.gz", "--id", "e2e-images", "--rows", 3, "--scale", 0.5, "--json").stdout)
        self.assertEqual((dataset["rows"], dataset["columns"], dataset["rowShape"]), ("3", 4, [2, 2]))
        self.assertIn("datasets/e2e-table", self.cli("datasets").stdout)
        self.assertEqual(self.cli("dataset", "rows", "e2e-table", "--count", 1).stdout, "1,2,-1\n")
        self.assertEqual(self.cli("dataset", "rows", "datasets/e2e-images", "--json").stdout.count("["), 1 + 3)
        self.cli("dataset", "rows", "e2e-images", "--count", 2, "-o", "rows.npz")
        np.testing.assert_array_equal(np.load(self.folder / "rows.npz")["rows"], images.reshape(4, 4)[[0, 1]] * np.float32(0.5))
        self.assertIn("datasets/absent", self.cli("dataset", "rows", "absent", code=4).stderr)
        self.cli("dataset", code=2)
        self.cli("delete", "datasets/e2e-table")
        self.assertNotIn("datasets/e2e-table", self.cli("datasets").stdout)

    def test_a_bad_table_is_refused_with_its_place(self):
        (self.folder / "bad.csv").write_text("1,2\n3,x\n")
        message = self.cli("upload", "bad.csv", code=4).stderr
        self.assertRegex(message, "line 2")
        self.assertRegex(message, "column 2")
        self.assertTrue(message.startswith("error: bad.csv: "), message)
        self.cli("upload", "absent.csv", code=2)
        self.cli("upload", self.folder / "server.log", code=2)

    # ---- checks and errors
    def test_validate_creates_nothing_and_tells_both_clocks(self):
        before = self.cli("list", "--json", "--limit", 1000).stdout
        self.assertEqual(self.cli("validate", self.job_file(SMALL)).stdout,
                         "valid: dimension 2, 2 steps to time 0.2 (sliced 0.1), step size 0.1 (sliced 0.05)\n")
        self.assertEqual(self.cli("list", "--json", "--limit", 1000).stdout, before)

    def test_what_the_server_refuses_stands_beside_its_line(self):
        (self.folder / "bad.yaml").write_text(
            "spec:\n"
            "  dimension: 2\n"
            "  functional:\n"
            "    terms:\n"
            "      - {potential: {quadratic: {precision: {values: [1, 2, 3, 4]}}}}\n"
            "  schedule: {stepSize: -0.1, numSteps: 9}\n")
        lines = self.cli("validate", "bad.yaml", code=4).stderr.splitlines()
        self.assertRegex(lines[0], r"^bad\.yaml:5:\d+: spec\.functional\.terms\[0\]\.potential\.quadratic\.precision")
        self.assertEqual(lines[3].split(": ")[0:2], ["bad.yaml:6:24", "spec.schedule.stepSize"])
        self.assertEqual(lines[4:6], ["      schedule: {stepSize: -0.1, numSteps: 9}", " " * 27 + "^"])
        refusal = json.loads(self.cli("validate", "bad.yaml", "--json", code=4).stderr)
        self.assertEqual(refusal["code"], 3)

    def test_an_expression_is_shown_at_points(self):
        well = "def V(x):\n    return (x[:, 0] ** 2 - 1) ** 2 + 2 * x[:, 1] ** 2\n"
        path = self.folder / "well.py"
        path.write_text(well)
        lines = self.cli("check-expression", path, "--kind", "potential", "--dimension", 2).stdout.splitlines()
        self.assertEqual([line.split("  ")[0].strip() for line in lines], ["point", "(0, 0)", "(1, 1)", "(1, -1)"])
        self.assertEqual(lines[3].split()[2:], ["2", "(0,", "-4)"])
        np.save(self.folder / "at.npy", np.array([[2.0, 1.0]]))
        shown = json.loads(self.cli("check-expression", "-", "--kind", "potential", "--dimension", 2, "--points", "at.npy", "--json",
                                    stdin=well).stdout)
        self.assertEqual(shown, {"finite": True, "points": [[2, 1]], "values": [11], "gradients": [[24, 4]]})

    def test_a_refused_expression_stands_beside_its_line(self):
        source = "def W(z):\n    y = 2 * z\n    return y.exp_().sum(1)\n"
        check = ("check-expression", "-", "--kind", "interaction", "--dimension", 2)
        refused = self.cli(*check, code=4, stdin=source)
        self.assertIn("(standard input):3:", refused.stderr)
        self.assertIn("writes in place", refused.stderr)
        self.assertIn("return y.exp_().sum(1)", refused.stderr)
        told = json.loads(self.cli(*check, "--json", code=4, stdin=source).stdout)
        self.assertEqual(told["refusal"]["line"], 3)
        self.assertEqual(self.cli("check-expression", "-", "--kind", "weird", "--dimension", 2, code=2, stdin="").stdout, "")

    def test_a_refused_expression_of_a_job_stands_beside_its_line(self):
        job = changed(lambda spec: spec["functional"]["terms"].append({"potential": {"expression": {"source": "def V(x):\n  return x\n"}}}))
        refused = self.cli("submit", self.job_file(job), code=4)
        self.assertIn("spec.functional.terms[2].potential.expression.source: for 1024 points it gives a tensor of shape [1024, 2]", refused.stderr)

    def test_a_mistyped_name_stands_beside_its_line(self):
        (self.folder / "typo.yaml").write_text("spec:\n  dimenson: 2\n")
        self.assertIn("typo.yaml:2:3: spec.dimenson: there is no such field; did you mean dimension?",
                      self.cli("validate", "typo.yaml", code=4).stderr)

    def test_exit_codes_of_usage_and_unreachable_servers(self):
        self.cli(code=2)
        self.cli("frobnicate", code=2)
        self.assertEqual(json.loads(self.cli("list", "--json", "--limit", "x", code=2).stderr)["code"], 3)
        self.assertIn("sliceflow delete datasets/absent", self.cli("delete", "absent", code=4).stderr)
        self.cli("submit", "absent.yaml", code=2)
        refused = self.cli("list", "--server", "127.0.0.1:1", "--timeout", 1, code=3).stderr
        self.assertEqual(refused, "error: no server answers at 127.0.0.1:1: connection refused, nothing listens there; "
                                  "another address is given with --server HOST:PORT or SLICEFLOW_SERVER\n")
        self.assertEqual(self.cli("list", "--server", "", code=2).stderr.splitlines()[0],
                         "--server: must be host:port, such as 127.0.0.1:50051; it is ''")
        self.cli("--help")

    def test_wrong_values_of_options_are_refused_in_words(self):
        for arguments, words in (
            (("sample", self.done, "--count", "0"), "--count: must be a whole number from 1 to 2147483647; it is '0'"),
            (("sample", self.done, "--count", "99999999999"), "--count: must be a whole number from 1 to"),
            (("sample", self.done, "--count", "1", "--seed", "-1"), "--seed: must be a whole number from 0 to 18446744073709551615"),
            (("sample", self.done, "--count", "1", "--step", "-1"), "--step: must be a whole number from 0"),
            (("list", "--limit", "-1"), "--limit: must be a whole number from 1"),
            (("watch", self.done, "--after", "-1"), "--after: must be a whole number from 0"),
            (("list", "--timeout", "nan"), "--timeout: must be a number of seconds above 0"),
        ):
            with self.subTest(arguments):
                self.assertIn(words, self.cli(*arguments, code=2).stderr)

    def test_info_names_what_is_served(self):
        info = json.loads(self.cli("info", "--json").stdout)
        self.assertIn("potential.quadratic", [kind["name"] for kind in info["functionals"]])
        self.assertIn("realNvp", self.cli("info").stdout)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([BIN / "sliceflow", "watch", self.done], env=self.environment, stdin=subprocess.DEVNULL, stdout=writer,
                                stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_output_that_cannot_be_written_is_an_error(self):
        for command in (("sample", self.done, "--count", "5"), ("list",), ("watch", self.done), ("completion", "bash")):
            with self.subTest(command[0]), open("/dev/full", "wb") as full:
                result = subprocess.run([BIN / "sliceflow", *command], env=self.environment, stdin=subprocess.DEVNULL, stdout=full,
                                        stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn("standard output cannot be written: No space left on device", result.stderr)

    def test_a_terminal_gets_a_drawing(self):
        main, terminal = pty.openpty()
        environment = {**self.environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"}
        watch = subprocess.Popen([BIN / "sliceflow", "watch", self.done], env=environment, stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        output, give_up = b"", time.monotonic() + DEADLINE
        while time.monotonic() < give_up:
            if not select.select([main], [], [], 1)[0]:
                continue
            try:
                piece = os.read(main, 65536)
            except OSError:  # Linux's word for the end of a terminal
                break
            if not piece:
                break
            output += piece
        os.close(main)
        self.assertEqual(watch.wait(DEADLINE), 0)
        text = output.decode()
        self.assertIn("2/2 steps", text)
        self.assertIn("energy", text)
        self.assertTrue(any(0x2801 <= ord(c) <= 0x28FF for c in text), "no braille dots")
        self.assertTrue(text.endswith("\x1b[?25h"), "the cursor stays hidden")

    # ---- examples
    def test_every_example_runs(self):
        rng = np.random.default_rng(5)
        table = rng.normal(size=(60, 9))
        table[:, -1] = np.sign(table[:, 0])
        np.savetxt(self.folder / "diabetis.csv", table, delimiter=",", fmt="%.5g")
        np.save(self.folder / "mnist.npy", rng.random((20, 28, 28), dtype=np.float32))
        np.save(self.folder / "points.npy", rng.normal(size=(400, 2)).astype(np.float32))
        np.save(self.folder / "digits.npy", rng.random((40, 64), dtype=np.float32))
        for name in ("digits.npy", "diabetis.csv", "mnist.npy", "points.npy"):
            self.cli("upload", name, "--id", name.partition(".")[0])
        self.cli("upload", "points.npy", "--id", "barenblatt")
        examples = sorted((ROOT / "examples").glob("**/*.yaml"))
        self.assertGreaterEqual(len(examples), 12)
        for path in examples:
            with self.subTest(path.name):
                job = yaml.safe_load(path.read_text())
                kind, options = next(iter(job["spec"].setdefault("solver", {"swJko": {}}).items()))
                options["innerIterations"] = 3
                if kind in ("swJko", "pairedJko", "jkoIcnn"):
                    options.update(batchSize=32, maxAttempts=1)
                if kind == "swJko":
                    options["numProjections"] = 10
                if "latentFlow" in job["spec"].get("model", {}):
                    job["spec"]["model"]["latentFlow"].update(trainingIterations=10, hiddenWidth=32)
                schedule = job["spec"]["schedule"]
                schedule.update({"numSteps": 1} if "numSteps" in schedule else {"endTime": schedule["stepSize"]})  # one step
                self.cli("validate", path)
                self.cli("submit", self.job_file(job, path.name), "--watch")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
