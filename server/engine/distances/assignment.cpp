#include "server/engine/distances/assignment.h"

#include <limits>
#include <numeric>

namespace sliceflow::engine {
namespace {

constexpr int kNone = -1;

class Solver {
 public:
  Solver(const CostMatrix& cost, const Eigen::VectorXd& guess)
      : cost_(cost), size_(static_cast<int>(cost.rows())), row_of_(static_cast<size_t>(size_), kNone), path_(row_of_), distance_(size_) {
    result_.column_of.assign(static_cast<size_t>(size_), kNone);
    result_.row = (cost_.rowwise() - guess.transpose()).rowwise().minCoeff();
    result_.column = (cost_.colwise() - result_.row).colwise().minCoeff();
  }

  Assignment Solve() {
    AssignGreedily();
    for (int row = 0; row < size_; ++row) {
      if (ColumnOf(row) == kNone) Augment(row);
    }
    return std::move(result_);
  }

 private:
  int& ColumnOf(int row) { return result_.column_of[static_cast<size_t>(row)]; }
  int& RowOf(int column) { return row_of_[static_cast<size_t>(column)]; }

  // Row potentials are the rows' minima in reduced costs; tight pairs are taken first come, first served.
  void AssignGreedily() {
    for (int row = 0; row < size_; ++row) {
      int column = 0;
      result_.row(row) = (cost_.row(row) - result_.column.transpose()).minCoeff(&column);
      if (RowOf(column) != kNone) continue;
      RowOf(column) = row;
      ColumnOf(row) = column;
    }
  }

  // Dijkstra in reduced costs from a free row to the nearest free column, then the potentials, then the flip along the path.
  void Augment(int free_row) {
    distance_.setConstant(std::numeric_limits<double>::infinity());
    open_.resize(static_cast<size_t>(size_));
    std::iota(open_.begin(), open_.end(), 0);
    closed_.clear();
    double shortest = 0;
    int row = free_row;
    int sink = kNone;
    while (sink == kNone) {
      const size_t nearest = Relax(row, shortest);
      const int column = open_[nearest];
      shortest = distance_(column);
      open_[nearest] = open_.back();
      open_.pop_back();
      if (RowOf(column) == kNone) {
        sink = column;
      } else {
        row = RowOf(column);
        closed_.push_back(column);
      }
    }
    UpdatePotentials(free_row, shortest);
    Flip(free_row, sink);
  }

  // The place in `open_` of the column nearest to the tree once `row` is part of it; a free one where several are as near.
  size_t Relax(int row, double shortest) {
    const double offset = shortest - result_.row(row);
    size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t k = 0; k < open_.size(); ++k) {
      const int column = open_[k];
      const double through = offset + cost_(row, column) - result_.column(column);
      if (through < distance_(column)) {
        distance_(column) = through;
        path_[static_cast<size_t>(column)] = row;
      }
      const double distance = distance_(column);
      if (distance < least || (distance == least && RowOf(column) == kNone)) {
        least = distance;
        nearest = k;
      }
    }
    return nearest;
  }

  void UpdatePotentials(int free_row, double shortest) {
    result_.row(free_row) += shortest;
    for (const int column : closed_) {
      const double change = shortest - distance_(column);
      result_.row(RowOf(column)) += change;
      result_.column(column) -= change;
    }
  }

  void Flip(int free_row, int sink) {
    for (int column = sink, row = kNone; row != free_row;) {
      row = path_[static_cast<size_t>(column)];
      RowOf(column) = row;
      std::swap(ColumnOf(row), column);
    }
  }

  const CostMatrix& cost_;
  const int size_;
  std::vector<int> row_of_;
  std::vector<int> path_;     // by column: the row it was reached from
  Eigen::VectorXd distance_;  // by column: length of the shortest path from the free row
  std::vector<int> open_;
  std::vector<int> closed_;
  Assignment result_;
};

}  // namespace

Assignment SolveAssignment(const CostMatrix& cost, const Eigen::VectorXd& guess) { return Solver(cost, guess).Solve(); }

}  // namespace sliceflow::engine
