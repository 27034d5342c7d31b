#include "client/cli/yaml_text.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <string>

#include "client/cli/job_file.h"

namespace sliceflow::cli {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::Job Read(const std::string& text) {
  JobFile file = ParseJobFile("job.yaml", text);
  for (const Problem& problem : file.reading.problems) ADD_FAILURE() << file.source.Render(problem, 140, false);
  return file.job;
}

TEST(YamlText, LooksAsJobFilesDo) {
  v1::Job job = Read(R"({"spec": {"dimension": 2, "seed": "18446744073709551615", "functional": {"terms": [
      {"weight": 0.5, "potential": {"quadratic": {"center": [1.7, 0.4]}}}, {"entropy": {}}]}, "schedule": {"clock": "SLICED"}}})");
  EXPECT_EQ(YamlText("spec", job.spec()),
            "spec:\n"
            "  dimension: 2\n"
            "  functional:\n"
            "    terms:\n"
            "      - weight: 0.5\n"
            "        potential:\n"
            "          quadratic:\n"
            "            center: [1.7, 0.4]\n"
            "      - entropy: {}\n"
            "  schedule:\n"
            "    clock: SLICED\n"
            "  seed: 18446744073709551615");
}

TEST(YamlText, EveryExampleComesBack) {
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLICEFLOW_SOURCE_DIR) + "/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().string());
    const absl::StatusOr<JobFile> file = ReadJobFile(entry.path());
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(MessageDifferencer::Equals(Read(YamlText("spec", file->job.spec())).spec(), file->job.spec()));
  }
}

TEST(YamlText, AwkwardValuesComeBack) {
  v1::Job job;
  job.mutable_spec()->mutable_schedule()->set_step_size(std::numeric_limits<double>::infinity());
  job.mutable_spec()->mutable_schedule()->set_end_time(1e-300);
  for (const char* title :
       {"a: b # c", "\"quoted\"", "- x", "true", "1e5", "", "two\nlines", "<Übung> \U0001F600", "null", "~", "\x7f\t'"}) {
    job.mutable_spec()->mutable_functional()->add_terms()->mutable_sliced_wasserstein()->set_dataset(title);
  }
  EXPECT_TRUE(MessageDifferencer::Equals(Read(YamlText("spec", job.spec())).spec(), job.spec())) << YamlText("spec", job.spec());
}

}  // namespace
}  // namespace sliceflow::cli
