"""Solvers: how the next density is found from the one before."""

from __future__ import annotations

from typing import Literal, Self

from sliceflow.spec._part import Choice
from sliceflow.v1 import solver_pb2


class Optimizer(Choice):
    """The optimizer of the inner minimisation, started afresh at each step.

    >>> import sliceflow as sf
    >>> sf.Optimizer.sgd(learning_rate=0.1, rate_schedule="CONSTANT")
    Optimizer.sgd(learning_rate=0.1, rate_schedule='CONSTANT')
    """

    _TYPE = solver_pb2.Optimizer

    @classmethod
    def adam(
        cls,
        *,
        learning_rate: float | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        rate_schedule: Literal["COSINE", "CONSTANT"] | None = None,
    ) -> Self:
        """Adam.

        Args:
            learning_rate: The learning rate at the start of a step, above 0, at most 10. Default: 0.005.
            beta1: Decay of the first moment, in [0, 1). Default: 0.9.
            beta2: Decay of the second moment, in [0, 1). Default: 0.999.
            rate_schedule: What becomes of the learning rate. Default: COSINE.
        """
        return cls._of("adam", learning_rate=learning_rate, beta1=beta1, beta2=beta2, outer={"rate_schedule": rate_schedule})

    @classmethod
    def sgd(
        cls,
        *,
        learning_rate: float | None = None,
        momentum: float | None = None,
        rate_schedule: Literal["COSINE", "CONSTANT"] | None = None,
    ) -> Self:
        """v ← momentum · v + gradient, parameters ← parameters − rate · v (Polyak 1964).

        Args:
            learning_rate: The learning rate at the start of a step, above 0, at most 1000. Default: 0.1.
            momentum: The momentum, in [0, 1). Default: 0.9.
            rate_schedule: What becomes of the learning rate. Default: COSINE.
        """
        return cls._of("sgd", learning_rate=learning_rate, momentum=momentum, outer={"rate_schedule": rate_schedule})


class Solver(Choice):
    """The scheme. Left out: `sw_jko` with its defaults.

    >>> import sliceflow as sf
    >>> sf.Solver.sw_jko(num_projections=200, optimizer=sf.Optimizer.adam(learning_rate=0.01))
    Solver.sw_jko(num_projections=200, optimizer=Optimizer.adam(learning_rate=0.01))
    """

    _TYPE = solver_pb2.Solver

    @classmethod
    def sw_jko(
        cls,
        *,
        inner_iterations: int | None = None,
        num_projections: int | None = None,
        batch_size: int | None = None,
        optimizer: Optimizer | None = None,
        max_attempts: int | None = None,
        order: int | None = None,
        tolerance: float | None = None,
        projection_sampling: Literal["AUTOMATIC", "INDEPENDENT", "ORTHOGONAL", "QUASI_MONTE_CARLO"] | None = None,
        control_variate: bool | None = None,
        variant: Literal["SLICED", "MAX_SLICED", "CONCENTRATION"] | None = None,
    ) -> Self:
        """The sliced-Wasserstein JKO scheme: each step is an inner minimisation over the model's parameters, warm-started. It follows the
        gradient flow for the sliced distance, which is not that for W2: for Gaussians both are known and differ, with the same stationary
        state. Cost of an iteration: O(L n (d + log n)) for n samples and L directions, once for each order, and the model. Use with any
        model, in any dimension, and from data or points, which have no density. Source: Bonet et al. 2022.

        Args:
            inner_iterations: Iterations of the inner minimisation, between 1 and the server's limit. Default: 200.
            num_projections: Random directions L of the sliced distance in each iteration, between 1 and the server's limit. Default: twice
                the dimension that the flow runs in, but 50 at least and 100 at most. In one dimension one direction is exact and is what is
                used.
            batch_size: Samples of the model drawn in each iteration, between 2 and the server's limit. Particles always use all of
                theirs. Default: 1024. With a model of many or wide couplings less: about 268 million values in the hidden layers for all
                samples together.
            optimizer: The optimizer of the inner minimisation. Default: `adam` with its defaults.
            max_attempts: How many times `inner_iterations` a step may take in all when it violates the energy inequality, before it is
                flagged; each half of a first step that goes in halves may. Between 1 and 10. Default: 3.
            order: Order in time, 1 or 2. Of order 2: variational BDF2, argmin SW2²(ρ, ρ_k)/τ − SW2²(ρ, ρ_{k−1})/(4τ) + F(ρ); twice the
                distances an iteration. Its first step, with no ρ_{k−1}, goes in two halves, one of order 1 and one of order 2, and
                costs what two steps do. Source: Matthes & Plazotta 2019. Default: 2.
            tolerance: Ends a step's minimisation before `inner_iterations` once two windows of 10 iterations in a row bring less than
                this share of what the step has gained, after 20 more iterations in which the learning rate falls to a hundredth. At least
                0, below 1; 0 ends by count only. Default: 0.
            projection_sampling: How directions are drawn. Default: AUTOMATIC.
            control_variate: Whether Gaussians with the batches' moments serve as a control variate: their distance along the iteration's
                directions is exchanged for its mean over 8192 fixed ones. Helps where projections are close to Gaussian and directions
                are independent; O(n d² + 8192 d²) more an iteration. Only with the variant SLICED. Source: Nguyen & Ho 2024. Default:
                false.
            variant: The distance D. Default: SLICED.
        """
        return cls._of(
            "sw_jko",
            inner_iterations=inner_iterations,
            num_projections=num_projections,
            batch_size=batch_size,
            optimizer=optimizer,
            max_attempts=max_attempts,
            order=order,
            tolerance=tolerance,
            projection_sampling=projection_sampling,
            control_variate=control_variate,
            variant=variant,
        )

    @classmethod
    def paired_jko(
        cls,
        *,
        inner_iterations: int | None = None,
        batch_size: int | None = None,
        optimizer: Optimizer | None = None,
        max_attempts: int | None = None,
        order: int | None = None,
        tolerance: float | None = None,
    ) -> Self:
        """The classic JKO scheme with any model whose samples come from noise: argmin over maps T of E|T(z) − T_k(z)|²/(2τ) + F(T♯π), the
        same noise z for both maps. Over all maps its minimum is the JKO step, with no convex network and nothing sorted; an iteration
        costs the same at every step. Particles are moved by the implicit Euler scheme. Cost of an iteration: the model once for each
        order, and the terms. Use where the flow of W2 itself is wanted, with a model that has a density or with particles. Source: Xu,
        Cheng & Xie 2023.

        Args:
            inner_iterations: As in SwJko. Default: 200.
            batch_size: As in SwJko. Default: 1024.
            optimizer: As in SwJko.
            max_attempts: As in SwJko. Default: 3.
            order: Order in time, 1 or 2: as in SwJko, with W2. Default: 2.
            tolerance: As in SwJko. Default: 0.
        """
        return cls._of(
            "paired_jko",
            inner_iterations=inner_iterations,
            batch_size=batch_size,
            optimizer=optimizer,
            max_attempts=max_attempts,
            order=order,
            tolerance=tolerance,
        )

    @classmethod
    def euler_maruyama(cls, *, inner_iterations: int | None = None, batch_size: int | None = None) -> Self:
        """x ← x − h ∇(δF/δρ)(x) + √(2 c h) ξ with h = τ/inner_iterations in the Wasserstein clock, c the weight of an entropy in the
        functional (0 where there is none), whose velocity is the noise. Without an entropy this is the explicit Euler scheme of
        particles; for potentials with one, the unadjusted Langevin algorithm (ULA); for `sliced_wasserstein` with one, the sliced-
        Wasserstein flow of Liutkus et al. 2019. It minimises nothing, so its reports have no energy inequality; the entropy they tell is
        estimated from the particles' nearest neighbours. Cost: inner_iterations gradients of the terms a step. Use for the cheapest
        samples of a flow, with an error of order h.

        Args:
            inner_iterations: Moves of a step, between 1 and the server's limit. Default: 100.
            batch_size: Rows of data sets drawn for each move, between 2 and the server's limit. Default: 1024.
        """
        return cls._of("euler_maruyama", inner_iterations=inner_iterations, batch_size=batch_size)

    @classmethod
    def mala(cls, *, inner_iterations: int | None = None) -> Self:
        """As EulerMaruyama for potentials V with an entropy of weight c, each move accepted or not so that e^{−V/c} is left invariant. The
        size of a move begins at τ/inner_iterations and is adapted towards an acceptance of 0.57, so the clock is nominal: what is reached
        is the stationary state. Its reports have the metrics `acceptance` and `move_size`. Cost: inner_iterations values and gradients of
        V a step. Use for samples of e^{−V/c} without the bias of ULA. Source: Roberts & Tweedie 1996; Roberts & Rosenthal 1998.

        Args:
            inner_iterations: Moves of a step, between 1 and the server's limit. Default: 100.
        """
        return cls._of("mala", inner_iterations=inner_iterations)

    @classmethod
    def jko_icnn(
        cls,
        *,
        inner_iterations: int | None = None,
        batch_size: int | None = None,
        optimizer: Optimizer | None = None,
        max_attempts: int | None = None,
        tolerance: float | None = None,
    ) -> Self:
        """ρ_{k+1} = (∇φ)♯ρ_k with φ the input-convex network that minimises E|∇φ(x) − x|²/(2τ) + F((∇φ)♯ρ_k) over samples x of ρ_k. The
        gradient of a convex function is the transport map, so the first term is W2² itself (Brenier 1991). ρ_k is the image of ρ₀ under
        all maps before: a pool of up to 131,072 samples of ρ₀ is drawn once in a flow and pushed through each new map once, and iterations
        take their samples from it, so that no step costs more than another. The initial distribution must have a density. Cost of an
        iteration: one link of the model with its gradient; of a step besides, one link without for each sample of the pool, which has a
        quarter of what the step takes. Use to compare with the literature. Source: Mokrov et al. 2021; Alvarez-Melis et al. 2021.

        Args:
            inner_iterations: As in SwJko. Default: 200.
            batch_size: As in SwJko. Default: 1024.
            optimizer: As in SwJko.
            max_attempts: As in SwJko. Default: 3.
            tolerance: As in SwJko. Default: 0.
        """
        return cls._of(
            "jko_icnn",
            inner_iterations=inner_iterations,
            batch_size=batch_size,
            optimizer=optimizer,
            max_attempts=max_attempts,
            tolerance=tolerance,
        )

    @classmethod
    def entropic_jko(
        cls, *, regularization: float | None = None, inner_iterations: int | None = None, tolerance: float | None = None
    ) -> Self:
        """ρ_{k+1} = argmin (W²_γ(ρ, ρ_k) − (γ/2) ∫ρ log ρ)/(2τ) + F(ρ) on the nodes of a grid, W²_γ the optimal transport cost with γ times
        the plan's relative entropy added, by scaling iterations with over-relaxation; deterministic. W²_γ alone would blur ρ by a
        Gaussian of variance γ/2 at every step; the entropy that is taken off undoes it up to a relative error of (γ/(4 variance))², as
        the Sinkhorn divergence does (Feydy et al. 2019). What remains is the scheme's own error of first order in τ and that of the grid.
        Potentials, entropy, one porous-medium energy and relative entropy are met exactly at the new density; radial kernels of
        interaction by their first variation W∗ρ_k at the old one (over all pairs, whatever their `random_pairs`), which is explicit: with
        steps too long for such a term the energy inequality fails, which the report says. Other terms are refused: they are not known
        pointwise. No mass leaves the box. Use as the reference for other solvers in one or two dimensions. Reports: energies by the
        trapezoidal rule, without sampling error; distance_squared is the Sinkhorn divergence; gradient_norm is 0; the inner objective of
        progress, and the metric `marginal_error`, are ∫|ρ̂_k − ρ_k|, how far the plan's marginal is from the old density. Cost of an
        iteration: 4 nodes³ multiplications in the plane, 2 nodes² on a line.

        Args:
            regularization: γ, a squared length, at least the square of the grid's largest spacing, below which the kernel e^{−|x−y|²/γ}
                falls between nodes. Iterations grow as 1/γ. At most the smallest variance of ρ₀ (along lines parallel to an axis, of the
                narrowest component), where the error above is a sixteenth; past it energies rise. Default: twice the square of the
                largest spacing, or that variance where it is less.
            inner_iterations: Most scaling iterations of a step, between 1 and the server's limit. A step that needs more is taken as it
                is, with its mass exact, and is reported as not converged. Default: 1000.
            tolerance: A step ends once its marginal error is at most this; at least 1e-12 and below 1. Default: 1e-6.
        """
        return cls._of("entropic_jko", regularization=regularization, inner_iterations=inner_iterations, tolerance=tolerance)
