#include "server/api/services.h"

#include "server/api/dataset_service.h"
#include "server/api/job_service.h"
#include "server/api/server_service.h"
#include "server/api/watch_streams.h"

namespace sliceflow::api {
namespace {

class ServicesImpl final : public Services {
 public:
  ServicesImpl(const Rooms& rooms, const Limits& limits)
      : limits_(limits),
        watches_(rooms.access, rooms.jobs),
        jobs_(rooms.access, rooms.jobs, rooms.datasets, rooms.scheduler, watches_, limits_),
        datasets_(rooms.access, rooms.datasets, limits_),
        server_(rooms.access, rooms.scheduler, limits_) {}

  void Register(grpc::ServerBuilder& builder) { builder.RegisterService(&jobs_).RegisterService(&datasets_).RegisterService(&server_); }
  const std::vector<std::string>& names() const override { return names_; }
  void Shutdown() override { watches_.Shutdown(); }

 private:
  const Limits limits_;
  WatchStreams watches_;
  JobServiceImpl jobs_;
  DatasetServiceImpl datasets_;
  ServerServiceImpl server_;
  const std::vector<std::string> names_{v1::JobService::service_full_name(), v1::DatasetService::service_full_name(),
                                        v1::ServerService::service_full_name()};
};

}  // namespace

std::unique_ptr<Services> RegisterServices(grpc::ServerBuilder& builder, const Rooms& rooms, const Limits& limits) {
  auto services = std::make_unique<ServicesImpl>(rooms, limits);
  services->Register(builder);
  return services;
}

}  // namespace sliceflow::api
