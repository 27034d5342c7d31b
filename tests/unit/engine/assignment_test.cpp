// The assignment problem against all permutations, and against the potentials that prove an optimum.
#include "server/engine/distances/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace sliceflow::engine {
namespace {

CostMatrix RandomCosts(int size, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  return CostMatrix::NullaryExpr(size, size, [&] { return uniform(random); });
}

// Any guess must do.
Eigen::VectorXd Guess(const CostMatrix& cost, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  return Eigen::VectorXd::NullaryExpr(cost.rows(), [&] { return normal(random); });
}

double CostOf(const CostMatrix& cost, const std::vector<int>& column_of) {
  double total = 0;
  for (size_t row = 0; row < column_of.size(); ++row) total += cost(static_cast<Eigen::Index>(row), column_of[row]);
  return total;
}

double LeastOfAll(const CostMatrix& cost) {
  std::vector<int> order(static_cast<size_t>(cost.rows()));
  std::iota(order.begin(), order.end(), 0);
  double least = std::numeric_limits<double>::infinity();
  do {
    least = std::min(least, CostOf(cost, order));
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

// Weak duality: a permutation whose cost is the sum of feasible potentials is optimal.
void ExpectProven(const CostMatrix& cost, const Assignment& assignment) {
  std::vector<int> sorted = assignment.column_of;
  std::sort(sorted.begin(), sorted.end());
  for (size_t k = 0; k < sorted.size(); ++k) ASSERT_EQ(sorted[k], static_cast<int>(k));
  const CostMatrix reduced = (cost.colwise() - assignment.row).rowwise() - assignment.column.transpose();
  EXPECT_GE(reduced.minCoeff(), -1e-12);
  EXPECT_NEAR(CostOf(cost, assignment.column_of), assignment.row.sum() + assignment.column.sum(), 1e-9);
}

TEST(AssignmentTest, IsTheBestOfAllPermutations) {
  std::mt19937_64 random(1);
  for (int size = 1; size <= 7; ++size) {
    for (int trial = 0; trial < 20; ++trial) {
      CostMatrix cost = RandomCosts(size, random);
      if (trial % 2 == 1) cost = (3 * cost).array().round().matrix();  // many ties
      const Assignment assignment = SolveAssignment(cost, Guess(cost, random));
      EXPECT_NEAR(CostOf(cost, assignment.column_of), LeastOfAll(cost), 1e-12) << size << " " << trial;
      ExpectProven(cost, assignment);
    }
  }
}

TEST(AssignmentTest, ItsPotentialsProveItAtSize) {
  std::mt19937_64 random(2);
  const CostMatrix cost = RandomCosts(300, random);
  ExpectProven(cost, SolveAssignment(cost, Guess(cost, random)));
  const CostMatrix same = CostMatrix::Constant(100, 100, 2.5);
  ExpectProven(same, SolveAssignment(same, Guess(same, random)));
}

}  // namespace
}  // namespace sliceflow::engine
