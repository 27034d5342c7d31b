#include "server/api/kinds.h"

#include <initializer_list>

#include "absl/types/span.h"

namespace sliceflow::api {
namespace {

using Kinds = google::protobuf::RepeatedPtrField<v1::Kind>;

struct ParameterRow {
  const char* name;
  const char* type;
  const char* default_value;  // JSON; empty where it is required
  const char* description;
};

enum class Density { kUnrelated, kHas, kNeeds };

void AddRows(v1::Kind& kind, absl::Span<const ParameterRow> rows) {
  for (const ParameterRow& row : rows) {
    v1::Parameter& parameter = *kind.add_parameters();
    parameter.set_name(row.name);
    parameter.set_type(row.type);
    parameter.set_default_value(row.default_value);
    parameter.set_description(row.description);
  }
}

v1::Kind& Add(Kinds& kinds, const char* name, const char* description, std::initializer_list<ParameterRow> parameters,
              Density density = Density::kUnrelated) {
  v1::Kind& kind = *kinds.Add();
  kind.set_name(name);
  kind.set_description(description);
  kind.set_has_density(density == Density::kHas);
  kind.set_needs_density(density == Density::kNeeds);
  AddRows(kind, parameters);
  return kind;
}

constexpr ParameterRow kComponents{"components", "Component", "", "1 to 256, each of weight (above 0, default 1), mean and covariance"};
constexpr ParameterRow kCenter{"center", "vector", "zero", "one finite number for each dimension"};
constexpr ParameterRow kMean{"mean", "vector", "zero", "one finite number for each dimension"};
constexpr ParameterRow kRandomPairs{"randomPairs", "int32", "0", "pairs an evaluation, at least 0; 0 takes all"};
constexpr ParameterRow kPointDataset{"dataset", "string", "", "datasets/ID with as many columns as the dimension"};

constexpr ParameterRow kLower{"lower", "double", "0", "least value of a sample"};
constexpr ParameterRow kUpper{"upper", "double", "1", "greatest value of a sample, above lower"};

void AddInitial(Kinds& kinds) {
  Add(kinds, "gaussian", "N(mean, covariance)", {kMean, {"covariance", "matrix", "identity", "symmetric positive definite, row-major"}});
  Add(kinds, "mixture", "a mixture of Gaussians", {kComponents});
  Add(kinds, "uniformBox", "uniform on an axis-aligned box",
      {{"lower", "vector", "-1 in each coordinate", "lower ends"},
       {"upper", "vector", "1 in each coordinate", "upper ends, above the lower"}});
  Add(kinds, "dirac", "a unit mass at one point", {{"point", "vector", "zero", "the point"}});
  Add(kinds, "ring", "a ring or spherical shell of Gaussian thickness",
      {kCenter, {"radius", "double", "1", "above 0"}, {"thickness", "double", "0.1", "standard deviation of the radius, at least 0"}});
  Add(kinds, "dataset", "the rows of a data set", {kPointDataset});
}

void AddFunctionals(Kinds& kinds) {
  Add(kinds, "potential.quadratic", "mean of (x - b)'A(x - b)/2",
      {kCenter, {"precision", "matrix", "identity", "A, symmetric positive definite, row-major"}});
  Add(kinds, "potential.gaussianMixture", "mean of -log of a mixture's density", {kComponents});
  Add(kinds, "potential.ring", "mean of stiffness (|x - center| - radius)^2/2",
      {kCenter, {"radius", "double", "1", "above 0"}, {"stiffness", "double", "10", "above 0"}});
  Add(kinds, "potential.bayesianLogisticRegression", "negative log-posterior of Bayesian logistic regression over a table",
      {{"dataset", "string", "", "datasets/ID whose last column is the label; dimension = columns + 1"},
       {"trainFraction", "double", "0.8", "above 0 and below 1"},
       {"shuffle", "bool", "true", "whether rows are shuffled before they are divided"},
       {"batchSize", "int32", "0", "rows of an evaluation; 0 takes all"}});
  Add(kinds, "potential.doubleWell", "mean of depth ((x1 - c1)^2/distance^2 - 1)^2 + stiffness |x - c|^2/2 over the other coordinates",
      {kCenter,
       {"distance", "double", "1", "of either minimum from the centre, above 0"},
       {"depth", "double", "1", "height of the barrier, above 0"},
       {"stiffness", "double", "1", "across the other coordinates, above 0"}});
  Add(kinds, "potential.rosenbrock", "mean of scale times the sum of (a - x_i)^2 + b (x_{i+1} - x_i^2)^2; needs dimension 2 or more",
      {{"a", "double", "1", "the first coordinate of the minimum, finite"},
       {"b", "double", "100", "above 0"},
       {"scale", "double", "0.05", "above 0"}});
  Add(kinds, "potential.expression", "mean of a function of your own, as TorchScript source",
      {{"source", "string", "", "defines a function of points (n x dimension) that gives n values"}});
  Add(kinds, "interaction.powerLaw", "half the mean over pairs of |z|^a/a - |z|^b/b",
      {{"attraction", "double", "4", "a, above b, at most 16"}, {"repulsion", "double", "2", "b, above 0"}, kRandomPairs});
  Add(kinds, "interaction.gaussian", "half the mean over pairs of exp(-|z|^2/(2 bandwidth^2))",
      {{"bandwidth", "double", "1", "above 0"}, kRandomPairs});
  Add(kinds, "interaction.morse", "half the mean over pairs of repulsion and attraction that decay exponentially",
      {{"attraction", "double", "1", "at least 0"},
       {"attractionLength", "double", "1", "above 0"},
       {"repulsion", "double", "2", "at least 0"},
       {"repulsionLength", "double", "0.5", "above 0"},
       kRandomPairs});
  Add(kinds, "interaction.kellerSegel", "half the mean over pairs of chi/(4 pi) log(|z|^2 + softening^2)",
      {{"chi", "double", "1", "above 0"}, {"softening", "double", "0.001", "at least 0"}, kRandomPairs});
  Add(kinds, "interaction.expression", "half the mean over pairs of a kernel of your own, as TorchScript source",
      {{"source", "string", "", "defines a function of differences (n x dimension) that gives n values"}});
  Add(kinds, "entropy", "mean of log density", {}, Density::kNeeds);
  Add(kinds, "slicedWasserstein", "half the squared sliced-Wasserstein distance to the rows of a data set",
      {kPointDataset, {"numProjections", "int32", "numProjections of the solver, 100 at least, or 1000", "random directions, at least 1"}});
  Add(kinds, "porousMedium", "mean of density^(m-1)/(m-1)", {{"exponent", "double", "2", "m, above 1, at most 16"}}, Density::kNeeds);
  Add(kinds, "mmd.gaussian", "half the squared maximum mean discrepancy to the rows of a data set, kernel exp(-|z|^2/(2 bandwidth^2))",
      {kPointDataset, {"bandwidth", "double", "0", "at least 0; 0 takes the median distance between rows"}});
  Add(kinds, "mmd.energyDistance", "half the energy distance to the rows of a data set", {kPointDataset});
  Add(kinds, "mmd.inverseMultiquadric",
      "half the squared maximum mean discrepancy to the rows of a data set, kernel (1 + |z|^2/scale^2)^(-1/2)",
      {kPointDataset, {"scale", "double", "0", "at least 0; 0 takes the median distance between rows"}});
  Add(kinds, "relativeEntropy", "Kullback-Leibler divergence to e^-V/Z; log Z is included for quadratic and gaussianMixture",
      {{"potential", "Potential", "", "V, one of the potentials"}}, Density::kNeeds);
}

void AddModels(Kinds& kinds) {
  Add(kinds, "realNvp", "a normalising flow of affine coupling layers",
      {{"couplings", "int32", "4", "1 to 64"},
       {"hiddenWidth", "int32", "32", "1 to 4096"},
       {"learnedLinear", "bool", "true", "a learned linear layer between couplings"}},
      Density::kHas);
  Add(kinds, "particles", "free particles", {{"count", "int32", "1000", "at least 1"}});
  Add(kinds, "icnn", "the pushforward by the gradient of an input-convex network; dimension at most 64",
      {{"hiddenLayers", "int32", "2", "1 to 4"}, {"hiddenWidth", "int32", "64", "1 to 256"}}, Density::kHas);
  Add(kinds, "mlp", "noise through a dense network beside a learned linear map",
      {{"noiseDimension", "int32", "that of the flow", "at least 1"},
       {"hiddenLayers", "int32", "2", "1 to 16"},
       {"hiddenWidth", "int32", "100", "1 to 4096"}});
  Add(kinds, "cnn", "noise through a convolutional network that makes images, channels last",
      {{"height", "int32", "", "a multiple of 4; height times width times channels is the dimension"},
       {"width", "int32", "", "a multiple of 4"},
       {"channels", "int32", "1", "at least 1"},
       {"noiseDimension", "int32", "64", "at least 1"},
       {"baseChannels", "int32", "32", "1 to 512"},
       kLower,
       kUpper});
  Add(kinds, "decoder", "noise of low dimension through dense layers that widen to bounded outputs",
      {{"noiseDimension", "int32", "32", "at least 1"},
       {"hiddenLayers", "int32", "2", "1 to 6"},
       {"hiddenWidth", "int32", "128", "1 to 4096; each further layer is twice as wide"},
       kLower,
       kUpper});
  Add(kinds, "generator", "noise through a function of your own, as TorchScript source, trained in its parameters",
      {{"source", "string", "", "defines a function of noise (n x noiseDimension) and of the parameters that gives n x dimension"},
       {"noiseDimension", "int32", "that of the flow", "at least 1"},
       {"parameters", "GeneratorParameter", "", "1 to 64, each of shape (1 to 4 sides) and initialScale (default 1, and 0 for one side)"}});
  Add(kinds, "grid",
      "values at the nodes of a grid over a box, interpolated linearly; dimension 1 or 2, an initial distribution with a density",
      {{"lower", "vector", "-5 in each coordinate", "the box's lower ends"},
       {"upper", "vector", "5 in each coordinate", "upper ends, above the lower"},
       {"nodes", "int32", "200, or 64 in the plane", "along each axis: 8 to 1024, in the plane 8 to 256"}},
      Density::kHas);
  Add(kinds, "latentFlow", "a normalising flow between the codes of an auto-encoder that is trained first; samples are decoded",
      {{"dataset", "string", "that of the functional's terms", "datasets/ID to train on, at least 2 rows"},
       {"latentDimension", "int32", "32", "numbers in a code, 1 to 512, at most the dimension"},
       {"hiddenWidth", "int32", "256", "1 to 4096"},
       {"hiddenLayers", "int32", "2", "of encoder and of decoder, 1 to 8"},
       {"trainingIterations", "int32", "2000", "at least 1"},
       {"batchSize", "int32", "128", "rows of an iteration of the training, at least 2"},
       {"realNvp", "RealNvp", "realNvp with its defaults", "the density between codes"}});
}

// What all solvers that minimise have.
constexpr ParameterRow kMinimisation[] = {
    {"innerIterations", "int32", "200", "iterations of a step's minimisation, at least 1"},
    {"batchSize", "int32", "1024", "samples of an iteration, at least 2"},
    {"optimizer.adam.learningRate", "double", "0.005", "above 0, at most 10"},
    {"optimizer.adam.beta1", "double", "0.9", "at least 0, below 1"},
    {"optimizer.adam.beta2", "double", "0.999", "at least 0, below 1"},
    {"optimizer.sgd.learningRate", "double", "0.1", "above 0, at most 1000; instead of adam"},
    {"optimizer.sgd.momentum", "double", "0.9", "at least 0, below 1; instead of adam"},
    {"optimizer.rateSchedule", "string", "COSINE", "COSINE or CONSTANT"},
    {"maxAttempts", "int32", "3", "times innerIterations that a minimisation may take, 1 to 10"},
    {"tolerance", "double", "0", "share of a step's gain below which it ends early, at least 0, below 1"},
};

void AddSolvers(Kinds& kinds) {
  AddRows(Add(kinds, "swJko", "the sliced-Wasserstein JKO scheme, of first or second order",
              {{"numProjections", "int32", "twice the dimension, 50 to 100", "random directions, at least 1"},
               {"order", "int32", "2", "1 or 2"},
               {"projectionSampling", "string", "AUTOMATIC", "AUTOMATIC, INDEPENDENT, ORTHOGONAL or QUASI_MONTE_CARLO"},
               {"controlVariate", "bool", "false", "whether Gaussians of the same moments steady the directions"},
               {"variant", "string", "SLICED", "SLICED, MAX_SLICED or CONCENTRATION"}}),
          kMinimisation);
  AddRows(
      Add(kinds, "pairedJko", "the classic JKO scheme by pairs of samples, of first or second order", {{"order", "int32", "2", "1 or 2"}}),
      kMinimisation);
  Add(kinds, "eulerMaruyama", "particles moved explicitly, with noise for an entropy: Euler, ULA, sliced-Wasserstein flow; needs particles",
      {{"innerIterations", "int32", "100", "moves of a step, at least 1"},
       {"batchSize", "int32", "1024", "rows of data sets drawn for each move, at least 2"}});
  Add(kinds, "mala", "the Metropolis-adjusted Langevin algorithm; needs particles, potentials and an entropy",
      {{"innerIterations", "int32", "100", "moves of a step, at least 1"}});
  AddRows(Add(kinds, "jkoIcnn", "the classic JKO scheme by gradients of input-convex networks; needs the model icnn", {}), kMinimisation);
  Add(kinds, "entropicJko",
      "the classic JKO scheme with an entropically regularised distance, its blur taken off; needs grid; potentials, entropies, one "
      "porousMedium and radial interactions",
      {{"regularization", "double", "twice the square of the grid's largest spacing, at most the initial's smallest variance",
        "squared length, at least the square of that spacing, at most that variance"},
       {"innerIterations", "int32", "1000", "most scaling iterations of a step, at least 1"},
       {"tolerance", "double", "1e-6", "marginal error at which a step ends, at least 1e-12, below 1"}});
}

void AddMetrics(Kinds& kinds) {
  Add(kinds, "heldOutPrediction", "accuracy and log-likelihood on held-out rows; needs one potential.bayesianLogisticRegression", {});
  Add(kinds, "radius", "mean and deviation of the distance from the centre of mass", {});
  Add(kinds, "closedForm", "symmetric KL of a Gaussian fit to the Ornstein-Uhlenbeck closed form", {});
  Add(kinds, "targetDistance", "squared sliced-Wasserstein distance to the rows of a data set",
      {kPointDataset, {"numProjections", "int32", "500", "random directions, at least 1"}});
  Add(kinds, "relativeEntropyToTarget", "KL to a known mixture, and the effective sample size towards it",
      {{"target", "GaussianMixture", "that of the functional, where it is known", "1 to 256 components"}}, Density::kNeeds);
  Add(kinds, "modeCoverage", "share of a known mixture's components that hold at least half their weight",
      {{"target", "GaussianMixture", "the functional's only gaussianMixture potential", "1 to 256 components"}});
  Add(kinds, "moments", "norm of the mean, norm of the variances, second moment about the centre", {});
}

void AddDistances(Kinds& kinds) {
  Add(kinds, "slicedWasserstein", "SW_p^p over random directions",
      {{"order", "double", "2", "p, 1 to 16"}, {"numProjections", "int32", "1000", "random directions, at least 1"}});
  Add(kinds, "wasserstein", "W2^2 between samples, exactly; at most 2048 of them in two dimensions or more", {});
  Add(kinds, "bures", "W2^2 between Gaussian fits", {});
  Add(kinds, "mmd", "MMD^2 with a Gaussian kernel, without bias",
      {{"bandwidth", "double", "the median distance between points", "above 0"}});
  Add(kinds, "energy", "the energy distance, without bias", {});
  Add(kinds, "kl", "KL(first | second)", {}, Density::kNeeds);
  Add(kinds, "symmetricKl", "KL(first | second) + KL(second | first)", {}, Density::kNeeds);
  Add(kinds, "gaussianSymmetricKl", "symmetric KL between Gaussian fits", {});
  Add(kinds, "frechet", "W2^2 between Gaussian fits of features of the samples",
      {{"features", "string", "the samples themselves", "TorchScript source: a function of samples and of the weights that gives features"},
       {"weights", "string", "none", "at most 16 data sets, each a matrix that the features take"}});
}

}  // namespace

void AddKinds(v1::ServerInfo& info) {
  AddInitial(*info.mutable_initial_distributions());
  AddFunctionals(*info.mutable_functionals());
  AddModels(*info.mutable_models());
  AddSolvers(*info.mutable_solvers());
  AddMetrics(*info.mutable_metrics());
  AddDistances(*info.mutable_distances());
}

}  // namespace sliceflow::api
