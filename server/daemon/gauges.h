// Metrics that are read when somebody asks for them.
#pragma once

#include <string>

#include "common/clock.h"
#include "common/metrics.h"
#include "server/daemon/certificates.h"
#include "server/daemon/readiness.h"
#include "server/events/event_log.h"
#include "server/scheduler/scheduler.h"
#include "server/store/store.h"

namespace sliceflow::daemon {

struct GaugeSources {
  store::Store& store;
  events::EventLog& log;
  scheduler::Scheduler& scheduler;
  Readiness& readiness;
  Clock& clock;
  std::string data_dir;
  const Certificates* certificates;  // null without TLS
};

// All of `sources` must outlive the metrics' last reading.
void AddGauges(Metrics& metrics, const GaugeSources& sources);

}  // namespace sliceflow::daemon
