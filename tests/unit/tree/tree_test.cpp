// Holds the source tree to its rules, and the rules to trees made up to break them.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/tree/kinds.h"
#include "tests/unit/tree/rules.h"
#include "tests/unit/tree/source_tree.h"

namespace sliceflow::tree {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const SourceTree& ThisTree() {
  static const auto& tree = *new SourceTree(ReadSourceTree(SLICEFLOW_SOURCE_DIR));
  return tree;
}

std::string Report(const Findings& findings) {
  std::string report;
  for (const std::string& finding : findings) report += "\n  " + finding;
  return report;
}

#define EXPECT_CLEAN(findings)                   \
  do {                                           \
    const Findings found = (findings);           \
    EXPECT_TRUE(found.empty()) << Report(found); \
  } while (false)

// ---- the tree itself -------------------------------------------------------------------------------------------------------------

TEST(ThisTreeTest, IsReadWhole) {
  // Every other test here would pass on an empty tree.
  EXPECT_GT(ThisTree().size(), 50u);
  for (const char* path : {"README.md", ".ci/run", "common/clock.h", "proto/sliceflow/v1/job.proto", "tests/unit/tree/rules.cpp"}) {
    EXPECT_EQ(ThisTree().count(path), 1u) << path;
  }
}

TEST(ThisTreeTest, RoomsIncludeOnlyWhatTheyMay) { EXPECT_CLEAN(CheckRooms(ThisTree())); }
TEST(ThisTreeTest, LibrariesStayInTheirRooms) { EXPECT_CLEAN(CheckLibraries(ThisTree())); }
TEST(ThisTreeTest, NoSourceIsTooLong) { EXPECT_CLEAN(CheckLength(ThisTree())); }
TEST(ThisTreeTest, NothingIsMarkedUnfinished) { EXPECT_CLEAN(CheckMarkers(ThisTree())); }
TEST(ThisTreeTest, NothingNamesAMachine) { EXPECT_CLEAN(CheckMachinePaths(ThisTree())); }
TEST(ThisTreeTest, NoFileIsDead) { EXPECT_CLEAN(CheckDeadFiles(ThisTree())); }

TEST(ThisTreeTest, NoKindIsForgotten) { EXPECT_CLEAN(CheckKinds(ThisTree())); }
TEST(ThisTreeTest, EveryKindTellsItsCost) { EXPECT_CLEAN(CheckCosts(ThisTree())); }

// ---- rooms -----------------------------------------------------------------------------------------------------------------------

std::string Including(const std::string& header) { return "#include \"" + header + "\"\n"; }

TEST(CheckRoomsTest, TakesTheLongestFolder) {
  EXPECT_EQ(RoomOf("server/engine/kernels/cpu/sort.cpp"), "server/engine/kernels");
  EXPECT_EQ(RoomOf("server/engine/models/real_nvp.cpp"), "server/engine");
  EXPECT_EQ(RoomOf("tests/unit/jobs/jobs_test.cpp"), "tests");
  EXPECT_EQ(RoomOf("absl/status/status.h"), "");
}

TEST(CheckRoomsTest, FindsForbiddenArrows) {
  EXPECT_THAT(CheckRooms({{"server/engine/kernels/a.cpp", Including("server/engine/flow.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/engine/a.cpp", Including("server/jobs/jobs.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/worker/a.cpp", Including("server/store/store.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/store/a.cpp", Including("server/events/event_log.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/api/gate/a.cpp", Including("server/engine/flow_spec.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/daemon/main.cpp", Including("server/engine/flow.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"server/events/a.h", Including("sliceflow/worker/v1/worker.pb.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"client/cli/a.cpp", Including("server/api/services.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"client/cpp/a.cpp", Including("client/cli/main.h")}}), SizeIs(1));
  EXPECT_THAT(CheckRooms({{"elsewhere/a.cpp", ""}}), ElementsAre(HasSubstr("in no room")));
}

TEST(CheckRoomsTest, AllowsTheArrowsOfTheTable) {
  EXPECT_THAT(CheckRooms({{"server/api/a.cpp", Including("server/jobs/jobs.h") + Including("absl/status/status.h")},
                          {"server/engine/a.cpp", Including("server/engine/kernels/b.h") + Including("common/stop_latch.h")},
                          {"tests/unit/api/a.cpp", Including("server/store/store.h")}}),
              IsEmpty());
}

// ---- libraries -------------------------------------------------------------------------------------------------------------------

std::string IncludingSystem(const std::string& header) { return "#include <" + header + ">\n"; }

TEST(CheckLibrariesTest, FindsLibrariesOutsideTheirRooms) {
  for (const auto& [path, header] : std::vector<std::pair<std::string, std::string>>{
           {"server/jobs/a.h", "torch/types.h"},
           {"server/worker/a.cpp", "ATen/ATen.h"},
           {"server/engine/kernels/a.cpp", "c10/core/Device.h"},
           {"tests/unit/worker/a.cpp", "torch/torch.h"},
           {"server/engine/a.cpp", "sliceflow/v1/flow.pb.h"},
           {"server/engine/a.cpp", "google/protobuf/message.h"},
           {"server/engine/a.cpp", "fstream"},
           {"server/engine/a.cpp", "sys/socket.h"},
           {"server/engine/a.cpp", "chrono"},
           {"server/engine/kernels/a.cpp", "absl/time/clock.h"},
           {"server/jobs/a.cpp", "grpcpp/grpcpp.h"},
           {"server/events/a.cpp", "sliceflow/v1/job_service.grpc.pb.h"},
           {"server/store/a.cpp", "grpcpp/support/status.h"},
           {"server/api/a.cpp", "sqlite3.h"},
           {"server/jobs/a.cpp", "sqlite3.h"},
       }) {
    EXPECT_THAT(CheckLibraries({{path, IncludingSystem(header)}}), Not(IsEmpty())) << path << " with " << header;
  }
}

TEST(CheckLibrariesTest, FindsThemThroughHeaders) {
  const SourceTree tree = {{"common/tensor.h", Including("sliceflow/v1/tensor.pb.h")},
                           {"common/leaf.h", Including("common/tensor.h")},
                           {"server/engine/a.cpp", Including("common/leaf.h")}};
  EXPECT_THAT(
      CheckLibraries(tree),
      ElementsAre(HasSubstr("server/engine/a.cpp: may not see protobuf (common/leaf.h -> common/tensor.h -> sliceflow/v1/tensor.pb.h)")));
}

TEST(CheckLibrariesTest, FindsLibTorchBesideProtobuf) {
  const SourceTree tree = {{"tests/conformance/a.cpp", IncludingSystem("torch/types.h") + Including("sliceflow/v1/flow.pb.h")}};
  EXPECT_THAT(CheckLibraries(tree), ElementsAre(HasSubstr("in one translation unit")));
}

TEST(CheckLibrariesTest, SurvivesHeadersThatIncludeEachOther) {
  const SourceTree tree = {{"common/a.h", Including("common/b.h")}, {"common/b.h", Including("common/a.h")}};
  EXPECT_THAT(CheckLibraries(tree), IsEmpty());
}

TEST(CheckLibrariesTest, AllowsThemInTheirRooms) {
  EXPECT_THAT(CheckLibraries({{"server/engine/models/a.cpp", IncludingSystem("torch/types.h")},
                              {"server/store/a.cpp", IncludingSystem("sqlite3.h")},
                              {"server/jobs/a.cpp", Including("sliceflow/v1/job.pb.h")},
                              {"server/api/a.cpp", Including("sliceflow/v1/job_service.grpc.pb.h")},
                              {"tests/unit/engine/a.cpp", IncludingSystem("torch/types.h")}}),
              IsEmpty());
}

// ---- length, words, dead files -----------------------------------------------------------------------------------------------------

std::string ManyLines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "x\n";
  return text;
}

TEST(CheckLengthTest, FindsLongSources) {
  const std::string shell = "#!/usr/bin/env bash\n" + ManyLines(500);
  EXPECT_THAT(
      CheckLength(
          {{"common/a.cpp", ManyLines(501)}, {"scripts/a.py", ManyLines(501)}, {"proto/a.proto", ManyLines(501)}, {"scripts/a", shell}}),
      SizeIs(4));
  EXPECT_THAT(CheckLength({{"common/a.cpp", ManyLines(500)}, {"docs/reference.md", ManyLines(900)}}), IsEmpty());
}

TEST(CheckMarkersTest, FindsUnfinishedWork) {
  const std::string mark = std::string("TO") + "DO";
  EXPECT_THAT(CheckMarkers({{"common/a.cpp", "int a;\n// " + mark + ": b\n"}}), ElementsAre(HasSubstr("common/a.cpp:2: ")));
  for (const std::string& text : {std::string("FIX") + "ME", std::string("XX") + "X later", "a HA" + std::string("CK"),
                                  std::string("not ") + "implemented", std::string("Not ") + "implemented yet"}) {
    EXPECT_THAT(CheckMarkers({{"docs/a.md", text}}), SizeIs(1)) << text;
  }
  EXPECT_THAT(CheckMarkers({{"scripts/a", "mktemp -d /tmp/a.XXXXXX\nUNIMPLEMENTED\n"}}), IsEmpty());
}

TEST(CheckMachinePathsTest, FindsPathsOfMachines) {
  for (const std::string& folder :
       {std::string("/ro") + "ot/.cache", std::string("/wo") + "rk/x", std::string("/ho") + "me/me", std::string("/Use") + "rs/me"}) {
    EXPECT_THAT(CheckMachinePaths({{"docs/a.md", "see " + folder}}), SizeIs(1)) << folder;
    EXPECT_THAT(CheckMachinePaths({{"scripts/a", "\"" + folder + "\""}}), SizeIs(1)) << folder;
  }
  EXPECT_THAT(CheckMachinePaths({{"docs/a.md", "server/worker/a.h, ~/sliceflow-data, /tmp, framework/a, $data/work/x"}}), IsEmpty());
}

TEST(CheckDeadFilesTest, FindsWhatNothingUses) {
  const SourceTree tree = {
      {"CMakeLists.txt", "add_subdirectory(common)"},
      {"common/CMakeLists.txt", "sliceflow_room(common SOURCES used.cpp below/used.cpp)"},
      {"common/used.cpp", Including("common/used.h")},
      {"common/below/used.cpp", ""},
      {"common/used.h", ""},
      {"common/unused.cpp", ""},
      {"common/unused.h", ""},
      {"proto/CMakeLists.txt", "set(PROTOS sliceflow/v1/used.proto)"},
      {"proto/sliceflow/v1/used.proto", ""},
      {"proto/sliceflow/v1/unused.proto", ""},
      {"scripts/used", "#!/usr/bin/env bash\npython tool.py\n"},
      {"scripts/tool.py", ""},
      {"scripts/orphan.py", ""},
      {"Makefile", "build:\n\tscripts/used\n"},
  };
  EXPECT_THAT(CheckDeadFiles(tree), ElementsAre(HasSubstr("common/unused.cpp"), HasSubstr("common/unused.h"), HasSubstr("unused.proto"),
                                                HasSubstr("scripts/orphan.py")));
}

// ---- kinds -----------------------------------------------------------------------------------------------------------------------

auto Named(const std::string& name) { return Field("name", &OneofField::name, name); }

TEST(CheckKindsTest, ReadsTheOneofsOfAMessage) {
  const std::string proto =
      "message A {\n  oneof kind {\n    // One { of them.\n    B first_one = 1;\n    C second = 2 [deprecated = true];\n  }\n  int32 other "
      "= 3;\n}\n"
      "message D {\n  message A {\n    oneof kind {\n      B hidden = 1;\n    }\n  }\n  oneof kind {\n    B third = 1;\n  }\n}\nmessage E "
      "{}\n"
      "message F {\n  oneof kind {\n    B fourth = 1;\n  }\n}\n";
  EXPECT_THAT(OneofFields(proto, "A"), ElementsAre(Named("first_one"), Named("second")));
  EXPECT_THAT(OneofFields(proto, "D"), ElementsAre(Named("third")));
  EXPECT_THAT(OneofFields(proto, "F"), ElementsAre(Named("fourth")));
  EXPECT_EQ(OneofFields(proto, "A").front().type, "B");
}

TEST(CheckKindsTest, FindsAForgottenKind) {
  SourceTree tree = ThisTree();
  const Findings before = CheckKinds(tree);
  std::string& proto = tree.at("proto/sliceflow/v1/functional.proto");
  const std::string place = "    Potential potential = 2;\n";
  ASSERT_NE(proto.find(place), std::string::npos);
  proto.insert(proto.find(place), "    Novelty brand_new_kind = 99;\n");
  const Findings after = CheckKinds(tree);
  EXPECT_THAT(after, SizeIs(before.size() + 3));
  EXPECT_THAT(after, testing::Contains(HasSubstr("FunctionalTerm.brand_new_kind: server/worker")));
}

TEST(CheckKindsTest, KnowsTheKindsOfTheContract) {
  EXPECT_THAT(OneofFields(ThisTree().at("proto/sliceflow/v1/model.proto"), "Model"), testing::Contains(Named("real_nvp")));
  EXPECT_THAT(OneofFields(ThisTree().at("proto/sliceflow/v1/functional.proto"), "Potential"), testing::Contains(Named("quadratic")));
}

TEST(CheckKindsTest, ReadsTheCommentOfAMessage) {
  const std::string proto = "// Of nothing.\n\n// First line.\n// Second.\nmessage A {\n  // Inner.\n}\nmessage Bare {}\n";
  EXPECT_EQ(CommentOf(proto, "A"), "// First line.\n// Second.\n");
  EXPECT_EQ(CommentOf(proto, "Bare"), "");
  EXPECT_EQ(CommentOf(proto, "Missing"), "");
}

TEST(CheckCostsTest, FindsAKindThatDoesNotTellItsCost) {
  SourceTree tree = ThisTree();
  std::string& proto = tree.at("proto/sliceflow/v1/flow.proto");
  const std::string cost = "Cost: O(n d). Use for laws";
  ASSERT_NE(proto.find(cost), std::string::npos);
  proto.replace(proto.find(cost), cost.size(), "Use for laws");
  EXPECT_THAT(CheckCosts(tree), ElementsAre(HasSubstr("Metric.moments: the comment of MomentsMetric does not tell its cost")));
}

}  // namespace
}  // namespace sliceflow::tree
