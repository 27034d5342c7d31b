// The linear assignment problem.
#pragma once

#include <vector>

#include <Eigen/Dense>

namespace sliceflow::engine {

// A permutation of least cost, and the potentials that prove it: row[i] + column[j] ≤ cost(i, j), with equality where j = column_of[i].
struct Assignment {
  std::vector<int> column_of;  // by row
  Eigen::VectorXd row;
  Eigen::VectorXd column;
};

using CostMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// min over permutations s of Σᵢ cost(i, s(i)), cost square and finite. Shortest augmenting paths with potentials (Jonker & Volgenant 1987, in
// the form of Crouse 2016), after rows and columns have been reduced and rows assigned greedily. `guess` are column potentials to begin
// with: any finite ones lead to an optimum, those near the optimal ones lead there fast. O(n³) time, n² memory (the cost).
Assignment SolveAssignment(const CostMatrix& cost, const Eigen::VectorXd& guess);

}  // namespace sliceflow::engine
