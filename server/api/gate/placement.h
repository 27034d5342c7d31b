// Where a job is computed, before which others, and within which bounds of its own.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/api/gate/findings.h"
#include "server/jobs/datasets.h"
#include "server/scheduler/device.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::api {

// Of jobs.
inline constexpr int kLeastPriority = -100;
inline constexpr int kLargestPriority = 100;

// What IsDevice takes, for people.
inline constexpr char kDeviceForms[] = "any, cpu, cuda:N, or NODE/cpu or NODE/cuda:N of another machine";

// Whether it is `any`, `cpu`, `cuda:N` without leading zeros, or a device of another machine with its node before a slash.
bool IsDevice(absl::string_view name);

// Checks `priority`, `device` and `limits` and fills in their defaults. A device that is none of `devices` is a failed precondition, reason
// `DEVICE_UNKNOWN`.
void CheckPlacement(Findings& findings, v1::Job& job, const std::vector<scheduler::DeviceState>& devices);

// Fills in the memory that a valid, complete job is thought to take. More than any device it may be computed on has is RESOURCE_EXHAUSTED,
// naming both; where there is no such device now, nothing is. Data sets are those of `owner`.
void CheckMemory(Findings& findings, v1::Job& job, const std::string& owner, jobs::Datasets& datasets,
                 const std::vector<scheduler::DeviceState>& devices);

}  // namespace sliceflow::api
