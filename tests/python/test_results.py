"""Draws, densities and distances against closed forms; tables and pictures of a flow."""

import numpy as np
import pytest
import sliceflow as sf
from conftest import PATIENCE, small
from sliceflow import errors


def log_normal(x, mean, covariance):
    """log N(x; mean, covariance) in double."""
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    centred = np.asarray(x, float) - mean
    quadratic = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])


@pytest.fixture(scope="module")
def correlated(daemon):
    """A flow from a correlated Gaussian, which step 0 is exactly: RealNVP starts as the identity on it."""
    with sf.Client(daemon.address) as client:
        job = client.submit(small(initial=sf.Distribution.gaussian(mean=[1, -1], covariance=[[2, 0.6], [0.6, 0.5]])))
        job.result(timeout=PATIENCE)
        yield job


def test_log_densities_are_those_of_the_closed_form(correlated):
    x = np.random.default_rng(0).normal(size=(1000, 2)) * 2
    answer = correlated.log_density(x, step=0)
    assert answer.shape == (1000,) and answer.dtype == np.float32
    # float32 keeps seven digits of terms of up to some tens.
    np.testing.assert_allclose(answer, log_normal(x, [1, -1], [[2, 0.6], [0.6, 0.5]]), atol=2e-4)


def test_samples_have_the_moments_of_the_closed_form(correlated):
    n = 40_000
    x = correlated.sample(n, step=0, seed=3)
    assert x.shape == (n, 2) and x.dtype == np.float32
    # Five standard errors: sqrt(2/n) for the mean of the wider coordinate, 2 sqrt(2/n) for its variance.
    np.testing.assert_allclose(x.mean(0), [1, -1], atol=5 * np.sqrt(2 / n))
    np.testing.assert_allclose(np.cov(x.T), [[2, 0.6], [0.6, 0.5]], atol=5 * 2 * np.sqrt(2 / n))


def test_the_same_seed_draws_the_same_samples(correlated):
    assert np.array_equal(correlated.sample(10, seed=1), correlated.sample(10, seed=1))
    assert not np.array_equal(correlated.sample(10, seed=1), correlated.sample(10, seed=2))


def test_large_draws_and_densities_travel_in_pieces(correlated):
    x = correlated.sample(100_000)
    assert x.shape == (100_000, 2) and correlated.log_density(x[:50_000]).shape == (50_000,)
    # Batches of other sizes differ by the rounding of float32.
    np.testing.assert_allclose(correlated.log_density(x[-10:]), correlated.log_density(x)[-10:], rtol=1e-6)


def test_wrong_arguments_are_told_by_name_value_and_what_would_be_right(correlated):
    for call, kind, words in (
        (lambda: correlated.sample(3, seed=-1), ValueError, "seed must be a whole number from 0 to 18446744073709551615; it is -1"),
        (lambda: correlated.sample(2**40), ValueError, "n must be a whole number of at most 2147483647; it is 1099511627776"),
        (lambda: correlated.sample("5"), TypeError, "n must be a whole number of at most 2147483647; it is '5'"),
        (lambda: correlated.sample(5, step=1.5), TypeError, "step must be a whole number of at most 2147483647; it is 1.5"),
        (lambda: correlated.log_density([[0, 1j]]), TypeError, "points must be real numbers; these are of type complex128"),
        (lambda: correlated.log_density([[0, 0], [1, 1e300]]), ValueError, r"points\[1, 1\] is 1e\+300; .* at most 3.4e38"),
        (lambda: correlated.fork(1, tau=0), errors.InvalidArgumentError, "must be above 0; it is 0, or not given"),
    ):
        with pytest.raises(kind, match=words):
            call()
    assert correlated.sample(np.int64(3), seed=np.uint8(1)).shape == (3, 2)


def test_points_have_two_axes_of_the_right_length(correlated):
    with pytest.raises(ValueError, match=r"two axes, \[count, dimension\]"):
        correlated.log_density([1, 2])
    with pytest.raises(errors.InvalidArgumentError):
        correlated.log_density([[1, 2, 3]])


def test_particles_have_no_density(client):
    job = client.submit(sf.FlowSpec(2, sf.Potential.quadratic(), sf.Schedule(0.1, num_steps=1), model=sf.Model.particles(count=20)))
    job.result(timeout=PATIENCE)
    with pytest.raises(errors.FailedPreconditionError):
        job.log_density([[0, 0]])
    with pytest.raises(errors.InvalidArgumentError):
        job.sample(21)


def test_distances_are_those_of_closed_forms(client, correlated):
    shift = np.array([3.0, 4.0])
    a = np.random.default_rng(1).normal(size=(500, 2))
    one, other = client.upload(a), client.upload(a + shift)
    sliced = client.distance(one, other)
    # SW2² of translates is |v|²/d = 12.5; its standard error is over directions.
    assert abs(sliced.value - 12.5) < 4 * sliced.standard_error and sliced.first_samples == 500
    # W2² is |v|²; float32 of coordinates of size 5 is good for 1e-5 of it.
    assert float(client.distance(one, other, sf.Distance.wasserstein())) == pytest.approx(25, rel=1e-4)
    # W2² between N(0, I) and N(m, 4 I) is |m|² + d.
    gaussians = sf.Distribution.gaussian(mean=[0, 0]), sf.Distribution.gaussian(mean=[1, 0], covariance=4 * np.eye(2))
    assert client.distance(*gaussians, sf.Distance.bures()).value == pytest.approx(3, rel=1e-5)
    # KL(N(0, I) ‖ N(m, 4 I)) = (d/4 + |m|²/4 − d + d log 4)/2.
    kl = client.distance(*gaussians, sf.Distance.kl(), samples=50_000)
    assert abs(kl.value - (0.5 + 0.25 - 2 + 2 * np.log(4)) / 2) < 4 * kl.standard_error
    # A job's step 0 is its initial distribution.
    start = sf.Distribution.gaussian(mean=[1, -1], covariance=[[2, 0.6], [0.6, 0.5]])
    assert client.distance(correlated.at(0), start, sf.Distance.kl()).value == pytest.approx(0, abs=1e-5)
    assert client.distance(f"{correlated.name}@0", correlated.at(0)).value < client.distance(correlated.at(0), correlated).value
    assert client.distance(one, other, sf.Distance.mmd(bandwidth=2)).bandwidth == 2


def test_what_is_no_distribution_is_told(client):
    with pytest.raises(TypeError, match=r"Client\.upload makes a data set of an array"):
        client.distance(np.zeros((3, 2)), "jobs/x")
    with pytest.raises(ValueError, match="a Gaussian or a mixture"):
        client.distance(sf.Distribution.dirac(), "jobs/x")


# ---- tables and pictures


@pytest.fixture(scope="module")
def result(daemon):
    with sf.Client(daemon.address) as client:
        spec = small(output=sf.Output(samples_per_step=50, metrics=[sf.Metric.closed_form(), sf.Metric.moments()]))
        return client.submit(sf.JobSpec(spec, display_name="<i>tables</i>")).result(timeout=PATIENCE)


def test_steps_as_a_data_frame(result):
    table = result.to_pandas()
    assert table.index.name == "step" and list(table.index) == [0, 1, 2, 3]
    assert table["wasserstein_time"].to_numpy() == pytest.approx([0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(table["term_0"] + table["term_1"], table["energy"])
    assert table.loc[2, "closed_form_symmetric_kl"] == result.steps[2].metrics["closed_form_symmetric_kl"].value
    assert "second_moment_standard_error" in table and table["converged"].dtype == bool


def test_steps_as_labelled_arrays(result):
    data = result.to_xarray()
    assert dict(data.sizes) == {"step": 4, "draw": 50, "coordinate": 2}
    np.testing.assert_array_equal(data["samples"].sel(step=3), result.samples[3])
    assert data["energy"].swap_dims(step="wasserstein_time").sel(wasserstein_time=0.2, method="nearest").item() == result.energies[2]
    assert data["mean_norm"].dims == ("step",) and data.attrs["job"] == result.info.name


def test_a_step_as_a_posterior(result):
    import arviz

    posterior = result.to_arviz()
    np.testing.assert_array_equal(posterior.posterior["x"].to_numpy(), result.samples[-1][None])
    summary = arviz.summary(posterior, kind="stats", round_to=8)
    np.testing.assert_allclose(summary["mean"], result.samples[-1].mean(0), atol=1e-6)


def test_pictures_show_samples_and_energy(result, tmp_path):
    figure = result.plot()
    assert [axes.get_title() for axes in figure.axes] == ["t = 0", "t = 0.1", "t = 0.2", "t = 0.3", "energy"]
    np.testing.assert_array_equal(figure.axes[3].collections[0].get_offsets(), result.samples[3])
    figure.savefig(tmp_path / "flow.png")
    animation = result.animate(seconds=1)
    animation.save(tmp_path / "flow.gif", writer="pillow")
    assert (tmp_path / "flow.gif").read_bytes()[:4] == b"GIF8"


def test_pictures_of_a_flow_on_the_line_are_histograms(client, tmp_path):
    job = client.submit(sf.FlowSpec(1, sf.Potential.quadratic(), sf.Schedule(0.1, num_steps=2), model=sf.Model.particles(count=100)))
    line = job.result(timeout=PATIENCE)
    heights = [patch.get_height() for patch in line.plot().axes[0].patches]
    width = line.plot().axes[0].patches[0].get_width()
    assert sum(heights) * width == pytest.approx(1)
    line.animate(seconds=1).save(tmp_path / "line.gif", writer="pillow")


def test_what_was_not_stored_is_told(client):
    job = client.submit(small(output=sf.Output(samples_per_step=0)))
    bare = job.result(timeout=PATIENCE)
    assert [step.samples for step in bare.steps] == [None] * 4
    with pytest.raises(ValueError, match="no samples of step 0"):
        bare.plot()
    assert "samples" not in bare.to_xarray()


def test_notebooks_show_tables_with_everything_escaped(client, result, done):
    shown = result._repr_html_()
    assert "&lt;i&gt;tables&lt;/i&gt;" in shown and "<i>" not in shown
    assert "closed_form_symmetric_kl" in shown and "SUCCEEDED" in shown
    for thing in (done, done.info, client.server_info(), client.upload([[1.0, 2.0]])):
        html = thing._repr_html_()
        assert html.startswith("<table>") and "<b>" not in html
