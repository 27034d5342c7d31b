#include "client/cli/table_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "common/table/npy.h"

namespace sliceflow::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TableFiles : public ::testing::Test {
 protected:
  TableFiles() : folder_(std::filesystem::temp_directory_path() / ("sliceflow_tables_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~TableFiles() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }

  // What NumPy prints for a program that sees the file as sys.argv[1].
  std::string NumPy(const std::string& program, const std::string& path) const {
    std::ofstream(Path("program.py")) << "import sys\nimport numpy as np\n" << program;
    FILE* pipe = popen((std::string(SLICEFLOW_PYTHON) + " " + Path("program.py") + " " + path + " 2>&1").c_str(), "r");
    std::string printed;
    char buffer[512];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) printed += buffer;
    pclose(pipe);
    return printed;
  }

  std::filesystem::path folder_;
  Tensor table_{{3, 2}, {1.5f, -2, 0.1f, 4e-7f, std::numeric_limits<float>::max(), 0}};
};

TEST_F(TableFiles, NumPyReadsNpy) {
  ASSERT_TRUE(WriteTable(Path("x.npy"), "samples", table_).ok());
  EXPECT_EQ(NumPy("a = np.load(sys.argv[1])\nprint(a.shape, a.dtype, a.flags.c_contiguous, a[0].tolist(), a[2, 0] == np.finfo('f4').max)",
                  Path("x.npy")),
            "(3, 2) float32 True [1.5, -2.0] True\n");
}

TEST_F(TableFiles, NumPyReadsNpz) {
  ASSERT_TRUE(
      WriteArchive(Path("x.npz"), {{"step_0000", table::WriteNpy(table_)}, {"times", EncodeNpy(std::vector<double>{0, 0.1})}}).ok());
  EXPECT_EQ(NumPy("a = np.load(sys.argv[1])\nprint(a.files, a['step_0000'].shape, a['times'].dtype, a['times'].tolist())", Path("x.npz")),
            "['step_0000', 'times'] (3, 2) float64 [0.0, 0.1]\n");
}

TEST_F(TableFiles, NumPyReadsCsvBackExactly) {
  ASSERT_TRUE(WriteTable(Path("x.csv"), "samples", table_).ok());
  EXPECT_EQ(NumPy("a = np.loadtxt(sys.argv[1], delimiter=',', dtype='f4')\n"
                  "print(a.shape, (a == np.array([[1.5, -2], [.1, 4e-7], [np.finfo('f4').max, 0]], 'f4')).all())",
                  Path("x.csv")),
            "(3, 2) True\n");
}

TEST_F(TableFiles, ReadsWhatNumPyWrites) {
  EXPECT_EQ(NumPy("np.save(sys.argv[1], np.array([[1, 2], [3, 4]], 'f8'))\n", Path("d.npy")), "");
  EXPECT_EQ(NumPy("np.save(sys.argv[1], np.array([5, 6, 7], 'i8'))\n", Path("i.npy")), "");
  EXPECT_EQ(NumPy("np.savez_compressed(sys.argv[1], samples=np.ones((2, 3), 'f4'), other=np.zeros(1))\n", Path("z.npz")), "");
  const absl::StatusOr<Tensor> doubles = ReadPoints(Path("d.npy"));
  ASSERT_TRUE(doubles.ok()) << doubles.status();
  EXPECT_THAT(doubles->values, ElementsAre(1, 2, 3, 4));
  const absl::StatusOr<Tensor> line = ReadPoints(Path("i.npy"));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(line->shape, ElementsAre(3, 1));
  const absl::StatusOr<Tensor> archive = ReadPoints(Path("z.npz"));
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_THAT(archive->shape, ElementsAre(2, 3));
}

TEST_F(TableFiles, WhatCannotBeReadSaysWhy) {
  const auto why = [&](const std::string& name) { return std::string(ReadPoints(Path(name)).status().message()); };
  NumPy("np.save(sys.argv[1], np.asfortranarray(np.ones((2, 3))))\n", Path("fortran.npy"));
  EXPECT_THAT(why("fortran.npy"), HasSubstr("Fortran order"));
  NumPy("np.save(sys.argv[1], np.ones((2, 3), 'c8'))\n", Path("complex.npy"));
  EXPECT_THAT(why("complex.npy"), HasSubstr("holds values of the type '<c8'"));
  NumPy("np.save(sys.argv[1], np.ones((2, 3, 4)))\n", Path("cube.npy"));
  EXPECT_THAT(why("cube.npy"), HasSubstr("two axes"));
  NumPy("np.save(sys.argv[1], np.ones((0, 3)))\n", Path("none.npy"));
  EXPECT_THAT(why("none.npy"), HasSubstr("is empty"));
  std::ofstream(Path("ragged.csv")) << "1,2\n3\n";
  EXPECT_THAT(why("ragged.csv"), HasSubstr("line 2, column 2: the row has 1 field"));
  std::ofstream(Path("words.csv")) << "1,2\n3,x\n";
  EXPECT_THAT(why("words.csv"), HasSubstr("line 2, column 2: 'x' is not a number"));
  std::ofstream(Path("text.npy")) << "hello";
  EXPECT_THAT(why("text.npy"), HasSubstr("does not begin as one"));
  std::ofstream(Path("text.npz")) << "hello";
  EXPECT_THAT(why("text.npz"), HasSubstr("no .npz archive"));
  EXPECT_THAT(why("absent.npy"), HasSubstr("absent.npy"));
}

TEST_F(TableFiles, PointsAreReadAsUploadedTablesAre) {
  std::ofstream(Path("heading.csv")) << "x,y\r\n1,2\r\n3,4\r\n";
  const absl::StatusOr<Tensor> heading = ReadPoints(Path("heading.csv"));
  ASSERT_TRUE(heading.ok()) << heading.status();
  EXPECT_THAT(heading->shape, ElementsAre(2, 2));
  EXPECT_THAT(heading->values, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(NumPy("np.save(sys.argv[1], np.array([[1, 2]], 'u1'))\n", Path("bytes.npy")), "");
  const absl::StatusOr<Tensor> bytes = ReadPoints(Path("bytes.npy"));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_THAT(bytes->values, ElementsAre(1, 2));
}

TEST_F(TableFiles, OutputNamesAreCheckedBeforeTheWork) {
  EXPECT_TRUE(CheckOutputName(Path("x.npz")).ok());
  EXPECT_FALSE(CheckOutputName(Path("x.txt")).ok());
  EXPECT_FALSE(CheckOutputName(Path(".npz")).ok());
  EXPECT_FALSE(CheckOutputName(".csv").ok());
  EXPECT_FALSE(CheckOutputName(Path("nowhere/x.npz")).ok());
}

TEST_F(TableFiles, AFileThatCannotBeWrittenLeavesNothing) {
  std::filesystem::create_directories(Path("taken.npy"));
  EXPECT_FALSE(WriteTable(Path("taken.npy"), "samples", table_).ok());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 0);
}

}  // namespace
}  // namespace sliceflow::cli
