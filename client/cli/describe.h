// Jobs, events, data sets and servers in words.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sliceflow/v1/dataset.pb.h"
#include "sliceflow/v1/job.pb.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::cli {

// Six significant digits.
std::string Number(double value);
// 0:07, 12:03, 3:00:12.
std::string Clock(absl::Duration duration);

// 2030-01-31 12:00:00, in the local time zone.
std::string TimeText(const google::protobuf::Timestamp& time);

// `jobs/ID` from `jobs/ID` or `ID`; likewise for data sets. Other text is passed on, for the server to judge.
std::string FullName(absl::string_view collection, absl::string_view name);

// Columns aligned by their width in a terminal, two spaces apart; the first row is the heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

std::string JobTable(const std::vector<v1::Job>& jobs);
std::string DatasetTable(const std::vector<v1::Dataset>& datasets);
// Why a queued job cannot be begun as things stand: no worker is attached that would take it. Empty where one is, and of a job that is not
// queued.
std::string WhyItWaits(const v1::Job& job, const v1::ServerInfo& server);
// Several lines about one job; `waits` is what WhyItWaits says.
std::string JobText(const v1::Job& job, absl::string_view waits);
std::string DatasetLine(const v1::Dataset& dataset);
std::string ServerText(const v1::ServerInfo& info);
// `valid` and what the job would do.
std::string ValidationText(const v1::Job& job);

// One line about an event, `total_steps` being the job's; empty for inner progress.
std::string EventLine(const v1::JobEvent& event, int total_steps);
// The energy inequality in words.
std::string InequalityText(const v1::EnergyInequality& inequality);
std::string MetricsText(const v1::StepReport& report);

}  // namespace sliceflow::cli
