#include "client/cli/yaml_message.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sliceflow/v1/job.pb.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

v1::Job Good(const std::string& text) {
  v1::Job job;
  const YamlReading reading = ReadYaml(text, &job);
  for (const Problem& problem : reading.problems) ADD_FAILURE() << problem.field << ": " << problem.description;
  return job;
}

// `line:column field: description` of each problem.
std::vector<std::string> Problems(const std::string& text) {
  v1::Job job;
  std::vector<std::string> problems;
  for (const Problem& problem : ReadYaml(text, &job).problems) {
    problems.push_back(std::to_string(problem.position.line) + ":" + std::to_string(problem.position.column) + " " + problem.field + ": " +
                       problem.description);
  }
  return problems;
}

TEST(YamlMessage, ReadsTheShapeOfAJobFile) {
  const v1::Job job = Good(R"(
displayName: Ornstein–Uhlenbeck in the plane
labels: {team: a, my_key: "1"}
spec:
  dimension: 2
  functional:
    terms:
      - {weight: 1, potential: {quadratic: {center: [1.7, .4], precision: {values: [2.5, 0, 0, 5e-1]}}}}
      - {entropy: {}}
  schedule: {stepSize: 1e-1, clock: SLICED, numSteps: 9}
  seed: 18446744073709551615
)");
  EXPECT_EQ(job.display_name(), "Ornstein–Uhlenbeck in the plane");
  EXPECT_EQ(job.labels().at("my_key"), "1");
  const v1::FlowSpec& spec = job.spec();
  EXPECT_EQ(spec.dimension(), 2);
  ASSERT_EQ(spec.functional().terms_size(), 2);
  EXPECT_THAT(spec.functional().terms(0).potential().quadratic().center(), ElementsAre(1.7, 0.4));
  EXPECT_THAT(spec.functional().terms(0).potential().quadratic().precision().values(), ElementsAre(2.5, 0, 0, 0.5));
  EXPECT_TRUE(spec.functional().terms(1).has_entropy());
  EXPECT_FALSE(spec.functional().terms(1).has_weight());
  EXPECT_EQ(spec.schedule().step_size(), 0.1);
  EXPECT_EQ(spec.schedule().clock(), v1::Schedule::SLICED);
  EXPECT_EQ(spec.schedule().num_steps(), 9);
  EXPECT_EQ(spec.seed(), 18446744073709551615u);
}

TEST(YamlMessage, TakesBothSpellingsAndJson) {
  const v1::Job job =
      Good(R"({"display_name": "caf\u00e9", "spec": {"schedule": {"step_size": 2.0, "num_steps": "7", "clock": 2}, "seed": 1e3}})");
  EXPECT_EQ(job.display_name(), "café");
  EXPECT_EQ(job.spec().schedule().step_size(), 2);
  EXPECT_EQ(job.spec().schedule().num_steps(), 7);
  EXPECT_EQ(job.spec().schedule().clock(), v1::Schedule::WASSERSTEIN);
  EXPECT_EQ(job.spec().seed(), 1000u);
}

TEST(YamlMessage, ReadsBackWhatTheServerPrints) {
  v1::Job job = Good("{displayName: a, spec: {dimension: 3, model: {particles: {count: 5}}, schedule: {stepSize: 0.25, numSteps: 4}}}");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(job, &json).ok());
  EXPECT_EQ(Good(json).SerializeAsString(), job.SerializeAsString());
}

TEST(YamlMessage, LeavesTheServersFieldsOutAndSaysSo) {
  v1::Job job;
  const YamlReading reading = ReadYaml("name: jobs/a\nstate: RUNNING\ncreateTime: 2030-01-01T00:00:00Z\nspec: {dimension: 1}\n", &job);
  EXPECT_THAT(reading.problems, IsEmpty());
  ASSERT_EQ(reading.ignored.size(), 3u);
  EXPECT_EQ(reading.ignored[1].field, "state");
  EXPECT_EQ(reading.ignored[1].position.line, 2);
  EXPECT_TRUE(job.name().empty());
}

TEST(YamlMessage, NumbersThatAreNoneAreLeftToTheServer) {
  const v1::Job job = Good("spec: {schedule: {stepSize: .nan, endTime: -.inf}}");
  EXPECT_TRUE(std::isnan(job.spec().schedule().step_size()));
  EXPECT_EQ(job.spec().schedule().end_time(), -INFINITY);
}

TEST(YamlMessage, UnknownNamesComeWithTheNearestOne) {
  EXPECT_THAT(Problems("spec:\n  dimenson: 2\n"), ElementsAre("2:3 spec.dimenson: there is no such field; did you mean dimension?"));
  EXPECT_THAT(Problems("spec:\n  model:\n    realNVP: {}\n"),
              ElementsAre("3:5 spec.model.realNVP: there is no such field; did you mean realNvp?"));
  EXPECT_THAT(Problems("spec: {model: {transformer: {}}}"),
              ElementsAre(StartsWith("1:16 spec.model.transformer: there is no such field; here can be realNvp, particles, ")));
}

TEST(YamlMessage, FindsEverythingWrongAtOnceInTheOrderOfTheText) {
  EXPECT_THAT(Problems("spec:\n"
                       "  dimension: two\n"
                       "  seed: -1\n"
                       "  schedule: {stepSize: [1], clock: SIDEREAL, numSteps: 1.5}\n"
                       "  functional: {terms: {entropy: {}}}\n"
                       "  model: {realNvp: {learnedLinear: yes}}\n"),
              ElementsAre("2:14 spec.dimension: must be a whole number; it is \"two\"",
                          "3:9 spec.seed: must be a whole number between 0 and 18446744073709551615; it is -1",
                          "4:24 spec.schedule.stepSize: must be a single value",
                          "4:36 spec.schedule.clock: must be one of SLICED, WASSERSTEIN; it is \"SIDEREAL\"",
                          "4:56 spec.schedule.numSteps: must be a whole number between -2147483648 and 2147483647; it is 1.5",
                          "5:23 spec.functional.terms: must be a list: [...]",
                          "6:36 spec.model.realNvp.learnedLinear: must be true or false; it is \"yes\""));
}

TEST(YamlMessage, ANumberBeyondItsTypeIsRefused) {
  EXPECT_THAT(Problems("spec: {dimension: 3000000000}"),
              ElementsAre(HasSubstr("must be a whole number between -2147483648 and 2147483647")));
  EXPECT_THAT(Problems("spec: {seed: 1_000}"), ElementsAre(HasSubstr("must be a whole number; it is \"1_000\"")));
  EXPECT_THAT(Problems("spec: {schedule: {stepSize: 0x10}}"), ElementsAre(HasSubstr("must be a number")));
}

TEST(YamlMessage, NothingIsGivenTwice) {
  EXPECT_THAT(Problems("spec: {dimension: 1,\n  dimension: 2}"), ElementsAre("2:3 spec.dimension: is given twice"));
  EXPECT_THAT(Problems("displayName: a\ndisplay_name: b\n"), ElementsAre("2:1 displayName: is given twice"));
  EXPECT_THAT(Problems("labels: {a: b, a: c}"), ElementsAre("1:16 labels.a: is given twice"));
}

TEST(YamlMessage, OfAChoiceOnlyOneIsGiven) {
  EXPECT_THAT(Problems("spec:\n  model:\n    realNvp: {}\n    particles: {}\n"),
              ElementsAre("4:5 spec.model.particles: cannot stand beside realNvp: only one of them can be given"));
}

TEST(YamlMessage, ANameWithoutAValueIsAProblem) {
  EXPECT_THAT(Problems("spec:\n  functional:\n    terms:\n      - entropy:\n"),
              ElementsAre("4:9 spec.functional.terms[0].entropy: has no value; leave it out, or write {}"));
  EXPECT_THAT(Problems("spec: {seed: null}"), ElementsAre(HasSubstr("spec.seed: has no value; leave it out")));
}

TEST(YamlMessage, OneDocumentThatIsAMapping) {
  EXPECT_THAT(Problems(""), ElementsAre(HasSubstr("the file is empty")));
  EXPECT_THAT(Problems("# only a comment\n"), ElementsAre(HasSubstr("the file is empty")));
  EXPECT_THAT(Problems("a\n"), ElementsAre(HasSubstr("must be a mapping of displayName, spec, labels")));
  EXPECT_THAT(Problems("spec: {}\n---\nspec: {}\n"), ElementsAre(HasSubstr("more than one document")));
}

TEST(YamlMessage, ATextThatIsNoYamlSaysWhere) {
  EXPECT_THAT(Problems("spec:\n  model: {realNvp: {}\n"), ElementsAre(HasSubstr("this is not YAML")));
  EXPECT_THAT(Problems("a: *nowhere\n"), ElementsAre(::testing::AllOf(HasSubstr("1:4"), HasSubstr("this is not YAML"))));
}

TEST(YamlMessage, AliasesAreFollowed) {
  const v1::Job job = Good(
      "spec: {functional: {terms: [{potential: {quadratic: {precision: &a {values: [1]}}}}, "
      "{potential: {quadratic: {precision: *a}}}]}}");
  EXPECT_THAT(job.spec().functional().terms(1).potential().quadratic().precision().values(), ElementsAre(1));
}

// A thousand aliases of a list of five thousand numbers would be five million.
TEST(YamlMessage, AliasesCannotExplode) {
  std::string text = "spec:\n  functional:\n    terms:\n      - &b0 {potential: {quadratic: {center: &c [";
  for (int i = 0; i < 5000; ++i) text += "1,";
  text += "1]}}}\n";
  for (int i = 0; i < 1000; ++i) text += "      - *b0\n";
  EXPECT_THAT(Problems(text), ElementsAre(HasSubstr("more than 1000000 values once its aliases are followed")));
}

TEST(YamlMessage, AnAliasOfItsOwnAncestorEnds) {
  v1::ListJobsResponse list;
  const YamlReading reading = ReadYaml("&a\njobs: [{spec: {functional: {terms: *a}}}]\n", &list);
  EXPECT_FALSE(reading.problems.empty());
}

TEST(YamlMessage, DeepNestingEnds) {
  EXPECT_FALSE(Problems(std::string(100'000, '[')).empty());
  EXPECT_FALSE(Problems(std::string(100'000, '{')).empty());
}

TEST(YamlMessage, PlacesAreThoseOfValuesAndOfTheNearestAncestor) {
  v1::Job job;
  const YamlReading reading = ReadYaml(
      "spec:\n"
      "  functional:\n"
      "    terms:\n"
      "      - entropy: {}\n"
      "      - weight: -1\n"
      "        potential: {quadratic: {precision: {values: [1, x]}}}\n"
      "  schedule: {stepSize: 0}\n",
      &job);
  const auto at = [&](const char* path) {
    const Position place = PlaceOf(reading, path);
    return std::to_string(place.line) + ":" + std::to_string(place.column);
  };
  EXPECT_EQ(at("spec.schedule.step_size"), "7:24");
  EXPECT_EQ(at("spec.schedule.num_steps"), "7:3");
  EXPECT_EQ(at("spec.functional.terms[1].weight"), "5:17");
  EXPECT_EQ(at("spec.functional.terms[1].potential.quadratic.precision"), "6:33");
  EXPECT_EQ(at("spec.functional.terms[1].potential.quadratic.precision.values[1]"), "6:57");
  EXPECT_EQ(at("spec.functional.terms[0].potential"), "4:9");
  EXPECT_EQ(at("spec.dimension"), "1:1");
  EXPECT_EQ(at("display_name"), "0:0");
}

TEST(YamlMessage, PathsAreSpelledAsInJobFiles) {
  EXPECT_EQ(JsonPath("spec.functional.terms[1].sliced_wasserstein.num_projections"),
            "spec.functional.terms[1].slicedWasserstein.numProjections");
  EXPECT_EQ(JsonPath("labels.my_key"), "labels.my_key");
}

TEST(YamlMessage, WhatTheParserCannotFollowIsNestedTooDeeply) {
  for (const char* open : {"[", "{a: "}) {
    std::string text;
    for (int i = 0; i < 10'000; ++i) text += open;
    EXPECT_THAT(Problems(text), ElementsAre(HasSubstr("is nested too deeply")));
  }
}

}  // namespace
}  // namespace sliceflow::cli
