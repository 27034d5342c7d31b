// Between messages and rows: what the store keeps of a job, and what List and Get make of it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/events/event_log.h"
#include "server/store/store.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::events {

// The id in the job's name.
std::string JobId(const v1::Job& job);

bool IsFinal(int state);

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);
// Since the epoch; 0 of a time that is not set.
int64_t Microseconds(const google::protobuf::Timestamp& time);

// Gives the events their sequences and times, the job its last_sequence and the etag of the version to come, and makes the commit of it.
store::JobCommit MakeCommit(Change& change, Clock& clock);

// DataLoss when the stored bytes are no job.
absl::StatusOr<JobView> ViewOf(const store::JobRow& row);

// DataLoss when the stored bytes are no event.
absl::StatusOr<EventPtr> DecodeEvent(const store::EventRow& row);

}  // namespace sliceflow::events
