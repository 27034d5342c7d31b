// Prints what theory says of a job on Gaussians: gaussian_flows JOB.yaml. The job is an Ornstein–Uhlenbeck problem from the standard
// Gaussian, with a quadratic potential, an entropy, and a schedule in the Wasserstein clock. One JSON list on standard output, an entry a
// step from 1:
//   {"step", "time", "sliced": {"mean", "covariance"}, "wasserstein": {"mean", "covariance"}, "between": symmetric KL of the two}
// `sliced` is the SW-JKO oracle, `wasserstein` the law of the process. Reproduction runs it; it is no part of the server.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "tests/reference/sliced_gaussian_oracle.h"

namespace sliceflow::reference {
namespace {

struct Problem {
  Eigen::MatrixXd A;
  Eigen::VectorXd b;
  double step_size = 0;
  int num_steps = 0;
};

Problem ReadProblem(const std::string& path) {
  const YAML::Node spec = YAML::LoadFile(path)["spec"];
  const YAML::Node quadratic = spec["functional"]["terms"][0]["potential"]["quadratic"];
  const auto dimension = spec["dimension"].as<int>();
  const auto center = quadratic["center"].as<std::vector<double>>();
  const auto precision = quadratic["precision"]["values"].as<std::vector<double>>();
  Problem problem;
  problem.b = Eigen::Map<const Eigen::VectorXd>(center.data(), dimension);
  problem.A = Eigen::Map<const Eigen::MatrixXd>(precision.data(), dimension, dimension);
  const YAML::Node schedule = spec["schedule"];
  problem.step_size = schedule["stepSize"].as<double>();
  problem.num_steps = schedule["numSteps"] ? schedule["numSteps"].as<int>()
                                           : static_cast<int>(std::ceil(schedule["endTime"].as<double>() / problem.step_size - 1e-9));
  return problem;
}

void PrintLaw(const char* name, const GaussianLaw& law) {
  std::cout << '"' << name << "\": {\"mean\": [";
  for (Eigen::Index i = 0; i < law.mean.size(); ++i) std::cout << (i > 0 ? ", " : "") << law.mean(i);
  std::cout << "], \"covariance\": [";
  for (Eigen::Index i = 0; i < law.covariance.size(); ++i) std::cout << (i > 0 ? ", " : "") << law.covariance.data()[i];
  std::cout << "]}, ";
}

void PrintFlows(const Problem& problem) {
  const auto dimension = static_cast<int>(problem.b.size());
  const GaussianLaw start{.mean = Eigen::VectorXd::Zero(dimension), .covariance = Eigen::MatrixXd::Identity(dimension, dimension)};
  const Eigen::MatrixXd directions = SphereQuadrature(dimension, 8000, 1);
  GaussianLaw sliced = start;
  std::cout << std::setprecision(12) << "[";
  for (int step = 1; step <= problem.num_steps; ++step) {
    const double time = step * problem.step_size;
    sliced = SlicedGaussianStep(sliced, problem.A, problem.b, problem.step_size / dimension, directions);
    const GaussianLaw wasserstein = OrnsteinUhlenbeckLaw(start, problem.A, problem.b, time);
    std::cout << (step > 1 ? ",\n " : "") << "{\"step\": " << step << ", \"time\": " << time << ", ";
    PrintLaw("sliced", sliced);
    PrintLaw("wasserstein", wasserstein);
    std::cout << "\"between\": " << SymmetricDivergence(sliced, wasserstein) << "}";
  }
  std::cout << "]\n";
}

}  // namespace
}  // namespace sliceflow::reference

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: gaussian_flows JOB.yaml\n";
    return 2;
  }
  try {
    sliceflow::reference::PrintFlows(sliceflow::reference::ReadProblem(argv[1]));
  } catch (const YAML::Exception& error) {
    std::cerr << argv[1] << ": " << error.what() << "\n";
    return 2;
  }
  return 0;
}
