"""Models: how the density ρ is parameterized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sliceflow.spec._part import Choice, DatasetLike, Part, VectorLike
from sliceflow.v1 import model_pb2


class GeneratorParameter(Part):
    """A tensor that a generator is trained in.

    Args:
        shape: Its sides, 1 to 4 of them, each at least 1. At most 4,194,304 entries in one tensor.
        initial_scale: Entries start from N(0, initial_scale²/m), m the product of all sides but the last; at least 0, finite. Default: 1,
            and 0 for a tensor of one side, which is a bias.
    """

    _TYPE = model_pb2.GeneratorParameter

    def __init__(self, shape: Sequence[int], *, initial_scale: float | None = None) -> None:
        super().__init__(shape=shape, initial_scale=initial_scale)


class Model(Choice):
    """The parameterization of ρ. Left out: `real_nvp` with its defaults.

    >>> import sliceflow as sf
    >>> sf.Model.real_nvp(couplings=8, hidden_width=64)
    Model.real_nvp(couplings=8, hidden_width=64)
    """

    _TYPE = model_pb2.Model

    @classmethod
    def real_nvp(cls, *, couplings: int | None = None, hidden_width: int | None = None, learned_linear: bool | None = None) -> Self:
        """RealNVP (Dinh et al. 2017): affine coupling layers on the noise of the initial distribution. Starts as the identity on ρ₀ where
        ρ₀ has a density, so that step 0 carries no fitting error; otherwise it is first fitted to ρ₀ in SW2. x = mean + deviation ·
        (layers)((z − mean)/deviation), z from ρ₀ or a Gaussian of its moments. Cost: couplings · (hidden_width² + 1.5 · hidden_width · d
        + d²) products a sample. Has a density. Use wherever a term needs one, in any dimension, but for targets of separate modes,
        between which it leaves thin bridges.

        Args:
            couplings: Number of coupling layers, between 1 and 64. Default: 4.
            hidden_width: Units in each of the two hidden layers of a coupling's network, between 1 and 4096. Default: 32. All couplings
                together may have about 134 million parameters.
            learned_linear: Whether a learned invertible linear layer (LU form) stands between couplings, which mixes all coordinates.
                Without it accuracy falls with the dimension. Default: true.
        """
        return cls._of("real_nvp", couplings=couplings, hidden_width=hidden_width, learned_linear=learned_linear)

    @classmethod
    def particles(cls, *, count: int | None = None) -> Self:
        """ρ = (1/count) Σᵢ δ(xᵢ), the positions xᵢ being the parameters. Has no density. Cost: that of the terms, nothing of its own. Use
        for interactions and data sets, and for Langevin flows, in which a solver turns an entropy into noise. Source: Liutkus et al.
        2019.

        Args:
            count: Number of particles, between 1 and the server's limit. Default: 1000.
        """
        return cls._of("particles", count=count)

    @classmethod
    def icnn(cls, *, hidden_layers: int | None = None, hidden_width: int | None = None) -> Self:
        """x = ∇φ(z), φ an input-convex network (Amos et al. 2017) with a full quadratic part, z from the initial distribution where that
        has a density and from a Gaussian of its moments otherwise; fitted to ρ₀ in SW2 before the first step. Its gradient is invertible,
        so it has a density, which costs the determinant of its Hessian at every sample: O(hidden_layers · hidden_width² · d + d³) a sample,
        for dimension 64 and less. With the solver `jkoIcnn` ρ is the image of ρ₀ under a chain of such maps, one a step. Use to compare
        with the literature, and for a single map that must be a transport map; `real_nvp` is cheaper by an order of magnitude.

        Args:
            hidden_layers: Hidden layers of softplus units, between 1 and 4. Default: 2.
            hidden_width: Units in each, between 1 and 256. Default: 64.
        """
        return cls._of("icnn", hidden_layers=hidden_layers, hidden_width=hidden_width)

    @classmethod
    def mlp(cls, *, noise_dimension: int | None = None, hidden_layers: int | None = None, hidden_width: int | None = None) -> Self:
        """x = mean + deviation · (A z + network(z)) with z ~ N(0, I) and the mean and standard deviation of every coordinate of ρ₀ as
        units. A is a learned matrix and the network a dense one of SiLU units whose last layer starts at zero, so that x starts at ρ₀'s
        scale: A starts as the identity where noise_dimension is the dimension, else at random. Then it is fitted to ρ₀ in SW2, as all
        models without a density but particles. Cost: noise_dimension · (hidden_width + dimension) + hidden_width² · (hidden_layers − 1) +
        hidden_width · dimension products a sample. Use where no term needs a density: it is cheaper than `real_nvp` and reaches laws of
        any topology. Source: Goodfellow et al. 2014; Bonet et al. 2022.

        Args:
            noise_dimension: Dimension of the noise, between 1 and the server's largest dimension. Default: that of the flow.
            hidden_layers: Hidden layers, between 1 and 16. Default: 2.
            hidden_width: Units in each hidden layer, between 1 and 4096. Default: 100.
        """
        return cls._of("mlp", noise_dimension=noise_dimension, hidden_layers=hidden_layers, hidden_width=hidden_width)

    @classmethod
    def cnn(
        cls,
        height: int,
        width: int,
        *,
        channels: int | None = None,
        noise_dimension: int | None = None,
        base_channels: int | None = None,
        lower: float | None = None,
        upper: float | None = None,
    ) -> Self:
        """Images from noise z ~ N(0, I): a dense layer makes 2 · base_channels maps of height/4 × width/4, and two transposed convolutions
        (4 × 4, stride 2) with a SiLU between widen them to base_channels maps of twice the sides and to the image, whose values a sigmoid
        keeps in [lower, upper]. A row of samples is one image in row-major order of (height, width, channels), channels last, as arrays
        of images are stored. Has no density; is fitted to ρ₀ in SW2 first. Cost: about 2 · base_channels · height · width ·
        (noise_dimension/16 + base_channels + 2 · channels) products a sample. Use for images from 8 × 8. Source: Radford et al. 2016
        (DCGAN, without its batch normalisation, which would make samples of a batch depend on each other).

        Args:
            height: Height of the image, a multiple of 4; height · width · channels must be the flow's dimension.
            width: Width of the image, a multiple of 4.
            channels: Channels of the image, at least 1. Default: 1.
            noise_dimension: Dimension of the noise, between 1 and the server's largest dimension. Default: 64.
            base_channels: Maps before the image, between 1 and 512. Default: 32.
            lower: What no value of a sample is below, finite. Default: 0.
            upper: What no value of a sample is above, finite and above `lower`. Default: 1.
        """
        return cls._of(
            "cnn",
            height=height,
            width=width,
            channels=channels,
            noise_dimension=noise_dimension,
            base_channels=base_channels,
            lower=lower,
            upper=upper,
        )

    @classmethod
    def decoder(
        cls,
        *,
        noise_dimension: int | None = None,
        hidden_layers: int | None = None,
        hidden_width: int | None = None,
        lower: float | None = None,
        upper: float | None = None,
    ) -> Self:
        """lower + (upper − lower) · sigmoid(network(z)) with z ~ N(0, I) of low dimension and a dense network of SiLU units, each of whose
        hidden layers is twice as wide as the one before. Starts about ρ₀'s mean; has no density; is fitted to ρ₀ in SW2 first. Use for
        images and other data with bounds that lie near a set of few dimensions. Cost: the products of its layers a sample. Source: the
        decoder of Kingma & Welling 2014.

        Args:
            noise_dimension: Dimension of the noise, between 1 and the server's largest dimension. Default: 32.
            hidden_layers: Hidden layers, between 1 and 6. Default: 2.
            hidden_width: Units in the first hidden layer, between 1 and 4096. Default: 128.
            lower: What no value of a sample is below, finite. Default: 0.
            upper: What no value of a sample is above, finite and above `lower`. Default: 1.
        """
        return cls._of(
            "decoder", noise_dimension=noise_dimension, hidden_layers=hidden_layers, hidden_width=hidden_width, lower=lower, upper=upper
        )

    @classmethod
    def generator(cls, source: str, parameters: Sequence[GeneratorParameter], *, noise_dimension: int | None = None) -> Self:
        """x = G(z, w₁, …, w_k) with z ~ N(0, I) and G the user's own, as TorchScript source, trained in its parameters wᵢ. Has no density;
        is fitted to ρ₀ in SW2 first. Cost: an evaluation for each 256 samples or less, and with a gradient another. What a source may do
        is bounded as for `ExpressionPotential`. Use for architectures that have no kind here.

        Args:
            source: The source, at most 65,536 bytes. The last function that it defines takes noise (count × noise_dimension) and then the
                parameters, in their order and shapes, and gives samples (count × dimension), each from its own row of noise. For example,
                with parameters of the shapes [2, 64], [64] and [64, 2]: def generator(z, w, b, v): return z + torch.tanh(z @ w + b) @ v
            parameters: The tensors that are trained, between 1 and 64.
            noise_dimension: Dimension of the noise, between 1 and the server's largest dimension. Default: that of the flow.
        """
        return cls._of("generator", source=source, noise_dimension=noise_dimension, parameters=parameters)

    @classmethod
    def grid(cls, *, lower: VectorLike | None = None, upper: VectorLike | None = None, nodes: int | None = None) -> Self:
        """ρ as a piecewise linear (in the plane: bilinear) function of its values at the nodes of a regular grid over a box, 0 outside of
        it. The parameters are the logarithms of the values, which the trapezoidal rule normalises. Samples are the image of uniform noise
        under the inverse distribution functions, first of the first coordinate, then of the second given the first (the Knothe–Rosenblatt
        map), so that every solver that trains a model takes this one; `entropic_jko` works on the values themselves. Needs dimension 1 or
        2 and an initial distribution with a density (`gaussian`, `mixture` or `uniform_box`), which lies in the box up to a hundredth of
        its mass along each axis and whose deviation is at least the spacing of the nodes. Starts at ρ₀'s values at the nodes, normalised;
        the interpolation between them adds spacing²/6 to the variances of samples. Densities below e^{−80} of the largest count as that.
        Cost: time and memory of `nodes` a sample in the plane. Use as the reference for other models in one or two dimensions. Source:
        Peyré 2015.

        Args:
            lower: The lower corner of the box, one finite number for each dimension. Default: −5 in each coordinate.
            upper: The upper corner, above `lower` in each coordinate. Default: 5 in each coordinate.
            nodes: Nodes along each axis, both ends among them: between 8 and 1024 on a line, between 8 and 256 in the plane. Default: 200
                on a line, 64 in the plane.
        """
        return cls._of("grid", lower=lower, upper=upper, nodes=nodes)

    @classmethod
    def latent_flow(
        cls,
        *,
        dataset: DatasetLike | None = None,
        latent_dimension: int | None = None,
        hidden_width: int | None = None,
        hidden_layers: int | None = None,
        training_iterations: int | None = None,
        batch_size: int | None = None,
        real_nvp: Model | None = None,
    ) -> Self:
        """A flow between the codes of an auto-encoder, whose samples are decoded. Before step 0 the auto-encoder is trained on a data set
        (Adam on the mean squared error, the learning rate falling by a cosine from 0.001 to a hundredth of it; its iterations are told as
        those of step 0), and its codes are whitened: over the data set their mean is 0 and their covariance the identity. Then the flow
        runs in `latent_dimension` dimensions with `real_nvp`, between the codes of the data sets that the functional names. What is meant
        in the data's space: `dimension`, data sets (which are encoded), samples, and metrics, which are of decoded samples. What is meant
        in the latent space: initial distributions other than a data set (in units of whitened codes, so the standard Gaussian, the
        default, is a good one), entropy, energies, distances moved, and d in the clocks, which is `latent_dimension`. The functional may
        have the terms `sliced_wasserstein`, `mmd` and `entropy`; others are of points in the data's space and are refused, as is the
        metric `relative_entropy_to_target`. The report of step 0 has the metric `reconstruction_error`: E|x − x̂|² over E|x − E x|², x̂
        the decoded code of a row x, on at most 8192 rows of the data set; 0 where nothing is lost, 1 where as much as by the mean alone.
        Cost of an iteration of the training: about 6 · parameters · `batch_size` operations. A checkpoint holds the auto-encoder, so what
        is resumed is not trained again. Source: Bonet et al. 2022, experiments on images.

        Args:
            dataset: The data set to train on, `datasets/{dataset}`, of at least 2 rows that are not all equal and as many columns as the
                flow's dimension (a job whose rows are all equal fails at its start). Default: that of the functional's terms, where they
                name one and the same; required otherwise.
            latent_dimension: Numbers in a code, between 1 and 512, at most the flow's dimension. Default: 32, or the flow's dimension
                where that is less.
            hidden_width: Units in each hidden layer of encoder and decoder, between 1 and 4096. Default: 256.
            hidden_layers: Hidden layers of the encoder, and of the decoder, between 1 and 8. Default: 2.
            training_iterations: Iterations of the training, between 1 and the server's limit of inner iterations. Default: 2000.
            batch_size: Rows drawn for each iteration of the training, between 2 and the server's limit. Default: 128.
            real_nvp: The density between codes. Default: `real_nvp` with its defaults.
        """
        return cls._of(
            "latent_flow",
            dataset=dataset,
            latent_dimension=latent_dimension,
            hidden_width=hidden_width,
            hidden_layers=hidden_layers,
            training_iterations=training_iterations,
            batch_size=batch_size,
            real_nvp=real_nvp,
        )
