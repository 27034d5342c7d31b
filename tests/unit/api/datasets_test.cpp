// A data set's life on a real database, with a file system that can fail.
#include "server/jobs/datasets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "server/events/event_log.h"
#include "server/jobs/jobs.h"
#include "server/jobs/upload_slots.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulting_filesystem.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/api/sha256.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kTable[] = "x,y,label\n1,2,-1\n3,4,1\n5,6,1\n";

class DatasetsTest : public ::testing::Test {
 protected:
  DatasetsTest() { Restart(); }

  // As a new process finds it.
  void Restart() {
    datasets_.reset();
    store_.reset();
    files_.Restart();
    auto store = store::OpenSqliteStore(folder_.path());
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    datasets_ = MakeDatasets(*store_, blobs_, files_, "uploads", clock_, {.max_upload_bytes = 10'000, .max_values = 1000});
  }

  static v1::UploadHeader HeaderOf(const std::string& bytes, const std::string& id = "",
                                   v1::DatasetFormat::Kind kind = v1::DatasetFormat::CSV) {
    v1::UploadHeader header;
    header.set_dataset_id(id);
    header.mutable_format()->set_kind(kind);
    header.set_size_bytes(static_cast<int64_t>(bytes.size()));
    header.set_sha256(testing::Sha256(bytes));
    return header;
  }

  absl::StatusOr<v1::Dataset> Send(const v1::UploadHeader& header, const std::string& bytes) {
    absl::StatusOr<std::unique_ptr<Upload>> upload = datasets_->StartUpload("", header);
    if (!upload.ok()) return upload.status();
    absl::Status status = (*upload)->Write(bytes.substr(header.offset()));
    if (!status.ok()) return status;
    return (*upload)->Finish();
  }
  absl::StatusOr<v1::Dataset> Send(const std::string& bytes, const std::string& id = "") { return Send(HeaderOf(bytes, id), bytes); }

  v1::Job JobUsing(const std::string& id) {
    auto log = events::MakeEventLog(*store_, clock_);
    Jobs jobs(*log, *store_, blobs_, clock_);
    v1::Job job;
    job.mutable_spec()->mutable_schedule()->set_num_steps(1);
    job.mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset(absl::StrCat("datasets/", id));
    absl::StatusOr<v1::Job> created = jobs.Create(job, "", "", "", 10);
    EXPECT_TRUE(created.ok()) << created.status();
    return created.value_or(job);
  }
  absl::Status Cancel(const v1::Job& job) {
    auto log = events::MakeEventLog(*store_, clock_);
    return Jobs(*log, *store_, blobs_, clock_).Cancel(Scope::Everyone(), job.name().substr(5), "").status();
  }

  absl::Status Remove(const v1::Job& job) {
    auto log = events::MakeEventLog(*store_, clock_);
    return Jobs(*log, *store_, blobs_, clock_).Purge(Scope::Everyone(), job.name().substr(5), "").status();
  }

  testing::TempFolder folder_;
  testing::FaultingFileSystem files_;
  testing::FakeClock clock_;
  store::BlobStore blobs_{"blobs", files_};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Datasets> datasets_;
};

TEST_F(DatasetsTest, AnUploadBecomesATable) {
  const v1::Dataset dataset = Send(kTable, "pima").value();
  EXPECT_EQ(dataset.name(), "datasets/pima");
  EXPECT_EQ(dataset.display_name(), "pima");
  EXPECT_EQ(dataset.rows(), 3);
  EXPECT_EQ(dataset.columns(), 3);
  EXPECT_THAT(dataset.label_values(), ElementsAre(-1, 1));
  EXPECT_EQ(dataset.sha256(), testing::Sha256(kTable));
  EXPECT_EQ(dataset.create_time().seconds(), 2'000'000'000);

  const auto table = datasets_->Load({"", "pima"}).value();
  EXPECT_THAT(table->shape, ElementsAre(3, 3));
  EXPECT_THAT(table->values, ElementsAre(1, 2, -1, 3, 4, 1, 5, 6, 1));
  EXPECT_EQ(datasets_->Get(Scope::Of(""), {"", "pima"})->DebugString(), dataset.DebugString());
  EXPECT_TRUE(absl::IsNotFound(datasets_->UploadOffset("", dataset.sha256()).status()));  // nothing is left of the upload
}

TEST_F(DatasetsTest, WithoutAnIdContentAndFormatNameIt) {
  const v1::Dataset plain = Send(kTable).value();
  EXPECT_THAT(plain.name(), ::testing::StartsWith(absl::StrCat("datasets/d-", testing::Sha256(kTable).substr(0, 16), "-")));

  // Defaults said or left out are one format.
  v1::UploadHeader header = HeaderOf(kTable);
  header.mutable_format()->set_scale(1);
  EXPECT_EQ(Send(header, kTable)->name(), plain.name());

  header.mutable_format()->set_scale(2);
  const v1::Dataset scaled = Send(header, kTable).value();
  EXPECT_NE(scaled.name(), plain.name());
  EXPECT_THAT(datasets_->Load({"", scaled.name().substr(9)}).value()->values, ElementsAre(2, 4, -2, 6, 8, 2, 10, 12, 2));
  EXPECT_THAT(datasets_->Load({"", plain.name().substr(9)}).value()->values, ElementsAre(1, 2, -1, 3, 4, 1, 5, 6, 1));
}

TEST_F(DatasetsTest, AnIdNamesOneFormat) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  v1::UploadHeader header = HeaderOf(kTable, "pima");
  header.mutable_format()->set_max_rows(2);
  const absl::Status status = Send(header, kTable).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(Reason(status), "DATASET_EXISTS");
  EXPECT_THAT(std::string(status.message()), HasSubstr("maxRows 0, not kind CSV"));
  EXPECT_EQ(datasets_->Get(Scope::Of(""), {"", "pima"})->rows(), 3);
}

TEST_F(DatasetsTest, ItOutlivesTheProcess) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  Restart();
  EXPECT_EQ(datasets_->Load({"", "pima"}).value()->values.size(), 9U);
}

TEST_F(DatasetsTest, ABrokenStreamGoesOnWhereItEnded) {
  v1::UploadHeader header = HeaderOf(kTable, "pima");
  const std::string bytes = kTable;
  {
    auto upload = datasets_->StartUpload("", header).value();
    ASSERT_TRUE(upload->Write(bytes.substr(0, 7)).ok());
    ASSERT_TRUE(upload->Write(bytes.substr(7, 5)).ok());
  }
  Restart();  // what arrived was durable
  EXPECT_EQ(datasets_->UploadOffset("", header.sha256()).value(), 12);
  header.set_offset(12);
  EXPECT_EQ(Send(header, bytes)->rows(), 3);
}

TEST_F(DatasetsTest, AWrongOffsetIsToldTheRightOne) {
  v1::UploadHeader header = HeaderOf(kTable);
  header.set_offset(5);
  const absl::Status status = datasets_->StartUpload("", header).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(Reason(status), "UPLOAD_OFFSET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("0 bytes have arrived, the stream begins at 5"));
}

TEST_F(DatasetsTest, OtherBytesThanDeclaredAreDataLossAndBeginAnew) {
  const v1::UploadHeader header = HeaderOf(kTable);
  std::string damaged = kTable;
  damaged[12] = '9';
  const absl::Status status = Send(header, damaged).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(Reason(status), "CHECKSUM_MISMATCH");
  EXPECT_TRUE(absl::IsNotFound(datasets_->UploadOffset("", header.sha256()).status()));
  EXPECT_TRUE(Send(header, kTable).ok());
}

TEST_F(DatasetsTest, MoreOrFewerBytesThanDeclaredAreRefused) {
  v1::UploadHeader header = HeaderOf(kTable);
  const auto upload = datasets_->StartUpload("", header).value();
  EXPECT_TRUE(absl::IsInvalidArgument(upload->Write(absl::StrCat(kTable, "7,8,1\n"))));
  EXPECT_TRUE(absl::IsInvalidArgument(upload->Finish().status()));
}

TEST_F(DatasetsTest, AMalformedTableNamesThePlaceAndLeavesNothing) {
  const absl::Status status = Send("1,2\n3,x\n", "bad").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(Reason(status), "MALFORMED_TABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 2, column 2: 'x' is not a number"));
  EXPECT_TRUE(absl::IsNotFound(datasets_->Get(Scope::Of(""), {"", "bad"}).status()));
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST_F(DatasetsTest, TheSameContentAnswersWhatIsThere) {
  const v1::Dataset first = Send(kTable, "pima").value();
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Send(kTable, "pima")->DebugString(), first.DebugString());
}

TEST_F(DatasetsTest, AnIdNamesOneContent) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  const absl::Status status = Send("1\n2\n", "pima").status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(Reason(status), "DATASET_EXISTS");
}

// Both streams begin before either data set is there; the one that ends later must not touch the other's table.
TEST_F(DatasetsTest, TwoContentsForOneIdCannotMix) {
  const std::string other = "7\n8\n";
  auto first = datasets_->StartUpload("", HeaderOf(kTable, "pima")).value();
  auto second = datasets_->StartUpload("", HeaderOf(other, "pima")).value();
  ASSERT_TRUE(first->Write(kTable).ok());
  ASSERT_TRUE(second->Write(other).ok());
  ASSERT_TRUE(first->Finish().ok());
  EXPECT_TRUE(absl::IsAlreadyExists(second->Finish().status()));
  EXPECT_THAT(datasets_->Load({"", "pima"}).value()->values, ElementsAre(1, 2, -1, 3, 4, 1, 5, 6, 1));
}

TEST_F(DatasetsTest, OneStreamAtATimeWritesAnUpload) {
  auto upload = datasets_->StartUpload("", HeaderOf(kTable)).value();
  const absl::Status status = datasets_->StartUpload("", HeaderOf(kTable)).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  upload.reset();
  EXPECT_TRUE(datasets_->StartUpload("", HeaderOf(kTable)).ok());
}

TEST_F(DatasetsTest, UploadsAtOnceAreBounded) {
  std::vector<std::unique_ptr<Upload>> uploads;
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    auto upload = datasets_->StartUpload(absl::StrCat("owner", i), HeaderOf(kTable));
    status = upload.status();
    if (upload.ok()) uploads.push_back(*std::move(upload));
  }
  EXPECT_EQ(uploads.size(), UploadSlots::kMost);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(Reason(status), "TOO_MANY_UPLOADS");
  uploads.pop_back();
  EXPECT_TRUE(datasets_->StartUpload("late", HeaderOf(kTable)).ok());
}

TEST_F(DatasetsTest, AnOwnerWithManyUploadsLeavesRoomForOthers) {
  std::vector<std::unique_ptr<Upload>> uploads;
  const auto start_many = [&](const std::string& owner) {
    const size_t before = uploads.size();
    absl::Status status;
    for (int i = 0; i < 1000 && status.ok(); ++i) {
      auto upload = datasets_->StartUpload(owner, HeaderOf(absl::StrCat(i, "\n")));
      status = upload.status();
      if (upload.ok()) uploads.push_back(*std::move(upload));
    }
    EXPECT_EQ(Reason(status), "TOO_MANY_UPLOADS");
    EXPECT_THAT(std::string(status.message()), HasSubstr("wait for one of yours to end"));
    EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
    return uploads.size() - before;
  };
  EXPECT_EQ(start_many("ada"), UploadSlots::kMost / 2);
  EXPECT_EQ(start_many("bob"), UploadSlots::kMost / 4);
  EXPECT_TRUE(datasets_->StartUpload("eve", HeaderOf(kTable)).ok());
  uploads.clear();
  EXPECT_EQ(start_many("bob"), UploadSlots::kMost / 2);
}

// Streams that were opened and then forgotten.
TEST_F(DatasetsTest, SilentStreamsGiveWay) {
  std::vector<std::unique_ptr<Upload>> silent;
  for (size_t i = 0; i < UploadSlots::kMost / 2; ++i) silent.push_back(datasets_->StartUpload("", HeaderOf(absl::StrCat(i, "\n"))).value());
  clock_.Advance(UploadSlots::kIdle / 2);
  ASSERT_TRUE(silent[3]->Write("3").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Send(kTable, "pima").status()));
  clock_.Advance(UploadSlots::kIdle / 2);
  EXPECT_TRUE(Send(kTable, "pima").ok());

  const absl::Status told = silent[0]->Write("0");
  EXPECT_TRUE(absl::IsAborted(told)) << told;
  EXPECT_EQ(Reason(told), "UPLOAD_IDLE");
  EXPECT_TRUE(absl::IsInvalidArgument(silent[1]->Finish().status()));
  EXPECT_TRUE(silent[3]->Write("\n").ok());  // spoke in time
  EXPECT_TRUE(silent[3]->Finish().ok());
}

TEST_F(DatasetsTest, ABrokenConnectionDoesNotHoldItsUpload) {
  auto broken = datasets_->StartUpload("", HeaderOf(kTable, "pima")).value();
  ASSERT_TRUE(broken->Write("x,y").ok());
  clock_.Advance(UploadSlots::kIdle);
  v1::UploadHeader header = HeaderOf(kTable, "pima");
  header.set_offset(3);
  auto again = datasets_->StartUpload("", header).value();
  EXPECT_TRUE(absl::IsAborted(broken->Write("?")));
  broken.reset();  // must not give back what is no longer its own
  EXPECT_TRUE(absl::IsAborted(datasets_->StartUpload("", header).status()));
  ASSERT_TRUE(again->Write(std::string(kTable).substr(3)).ok());
  EXPECT_EQ(again->Finish()->rows(), 3);
}

TEST_F(DatasetsTest, ARefusedUploadLeavesNothing) {
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "1\n";
  EXPECT_FALSE(Send(many).ok());
  EXPECT_THAT(files_.Paths(), IsEmpty());

  const auto longer = datasets_->StartUpload("", HeaderOf(kTable)).value();
  ASSERT_TRUE(longer->Write(kTable).ok());
  EXPECT_FALSE(longer->Write("7,8,1\n").ok());
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST_F(DatasetsTest, AnUploadThatNobodyGoesOnWithIsDropped) {
  const v1::UploadHeader old = HeaderOf("1\n2\n"), recent = HeaderOf("3\n4\n");
  for (const v1::UploadHeader& header : {old, recent}) ASSERT_TRUE(datasets_->StartUpload("", header).value()->Write("1").ok());
  files_.SetModifiedTime(absl::StrCat("uploads/", old.sha256(), ".part"), clock_.Now() - absl::Hours(25));
  files_.SetModifiedTime(absl::StrCat("uploads/", recent.sha256(), ".part"), clock_.Now() - absl::Hours(23));
  EXPECT_TRUE(datasets_->DropAbandonedUploads().ok());
  EXPECT_TRUE(absl::IsNotFound(datasets_->UploadOffset("", old.sha256()).status()));
  EXPECT_EQ(datasets_->UploadOffset("", recent.sha256()).value(), 1);
}

TEST_F(DatasetsTest, AnUploadUnderWayIsNotDroppedBecauseTheClockIsSetAhead) {
  const v1::UploadHeader header = HeaderOf(kTable);
  const auto upload = datasets_->StartUpload("", header).value();
  ASSERT_TRUE(upload->Write(std::string(kTable, 5)).ok());
  clock_.Set(absl::Hours(25));
  EXPECT_TRUE(datasets_->DropAbandonedUploads().ok());
  ASSERT_TRUE(upload->Write(kTable + 5).ok());
  EXPECT_TRUE(upload->Finish().ok());
}

TEST_F(DatasetsTest, LimitsAreHeld) {
  v1::UploadHeader header = HeaderOf(kTable);
  header.set_size_bytes(10'001);
  const absl::Status size = datasets_->StartUpload("", header).status();
  EXPECT_TRUE(absl::IsResourceExhausted(size)) << size;
  EXPECT_EQ(ViolationsOf(size)[0].field, "header.size_bytes");

  std::string many;
  for (int i = 0; i < 1001; ++i) many += "1\n";
  const absl::Status values = Send(many).status();
  EXPECT_TRUE(absl::IsResourceExhausted(values)) << values;
  EXPECT_THAT(std::string(values.message()), HasSubstr("more than 1000 values"));
}

TEST_F(DatasetsTest, FormatIsApplied) {
  // gzip of "1,2\n3,4\n", made by `printf '1,2\n3,4\n' | gzip -n`.
  const std::string gzip("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x33\xd4\x31\xe2\x32\xd6\x31\xe1\x02\x00\x47\x93\x6c\xaf\x08\x00\x00\x00",
                         28);
  v1::UploadHeader header = HeaderOf(gzip, "packed");
  header.mutable_format()->set_gzip(true);
  header.mutable_format()->set_scale(0.5);
  header.mutable_format()->set_max_rows(1);
  ASSERT_TRUE(Send(header, gzip).ok());
  EXPECT_THAT(datasets_->Load({"", "packed"}).value()->values, ElementsAre(0.5F, 1));

  const std::string images("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x00\xFF\x10\x20", 20);
  const v1::Dataset dataset = Send(HeaderOf(images, "images", v1::DatasetFormat::IDX), images).value();
  EXPECT_THAT(dataset.row_shape(), ElementsAre(1, 2));
  EXPECT_EQ(dataset.columns(), 2);
  EXPECT_THAT(datasets_->Load({"", "images"}).value()->shape, ElementsAre(2, 2));
}

TEST_F(DatasetsTest, AScaleThatOverflowsIsRefused) {
  v1::UploadHeader header = HeaderOf(kTable);
  header.mutable_format()->set_scale(1e39);
  EXPECT_TRUE(absl::IsInvalidArgument(Send(header, kTable).status()));
}

TEST_F(DatasetsTest, LabelsAreSeenOnlyWhereBothAreThere) {
  EXPECT_THAT(Send("1,0\n2,1\n", "a")->label_values(), ElementsAre(0, 1));
  EXPECT_THAT(Send("1,1\n2,1\n", "b")->label_values(), IsEmpty());
  EXPECT_THAT(Send("1,0\n2,1\n3,2\n", "c")->label_values(), IsEmpty());
}

TEST_F(DatasetsTest, DeletionWaitsForTheJobsThatUseIt) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  const v1::Job job = JobUsing("pima");
  const absl::Status status = datasets_->Delete(Scope::Of(""), {"", "pima"});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(Reason(status), "DATASET_IN_USE");
  EXPECT_THAT(std::string(status.message()), HasSubstr(job.name().substr(5)));
  EXPECT_TRUE(datasets_->Load({"", "pima"}).ok());

  // Its kept steps are still drawn from.
  ASSERT_TRUE(Cancel(job).ok());
  EXPECT_EQ(Reason(datasets_->Delete(Scope::Of(""), {"", "pima"})), "DATASET_IN_USE");
  EXPECT_TRUE(datasets_->Load({"", "pima"}).ok());

  ASSERT_TRUE(Remove(job).ok());
  EXPECT_TRUE(datasets_->Delete(Scope::Of(""), {"", "pima"}).ok());
  EXPECT_TRUE(absl::IsNotFound(datasets_->Get(Scope::Of(""), {"", "pima"}).status()));
  EXPECT_TRUE(absl::IsNotFound(datasets_->Load({"", "pima"}).status()));
  EXPECT_TRUE(absl::IsNotFound(datasets_->Delete(Scope::Of(""), {"", "pima"})));
  EXPECT_THAT(files_.Paths(), IsEmpty());
}

TEST_F(DatasetsTest, ADeletedIdTakesAnotherContent) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  ASSERT_TRUE(datasets_->Load({"", "pima"}).ok());
  ASSERT_TRUE(datasets_->Delete(Scope::Of(""), {"", "pima"}).ok());
  ASSERT_TRUE(Send("7\n8\n", "pima").ok());
  EXPECT_THAT(datasets_->Load({"", "pima"}).value()->values, ElementsAre(7, 8));
}

TEST_F(DatasetsTest, PagesHoldEachOnceNewestFirst) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Send(absl::StrCat(i, "\n"), absl::StrCat("t", i)).ok());
  std::vector<std::string> names;
  std::optional<int64_t> before;
  do {
    const Datasets::Page page = datasets_->List(Scope::Of(""), before, 2).value();
    EXPECT_LE(page.datasets.size(), 2U);
    for (const v1::Dataset& dataset : page.datasets) names.push_back(dataset.name());
    before = page.next_number;
  } while (before.has_value());
  EXPECT_THAT(names, ElementsAre("datasets/t4", "datasets/t3", "datasets/t2", "datasets/t1", "datasets/t0"));
}

TEST_F(DatasetsTest, AFullDiskRefusesAndTheNextTrySucceeds) {
  files_.FailWrites(absl::ResourceExhaustedError("No space left on device"));
  EXPECT_TRUE(absl::IsResourceExhausted(Send(kTable, "pima").status()));
  files_.Heal();
  EXPECT_TRUE(Send(kTable, "pima").ok());
}

// The power goes before each step of writing: afterwards the table is whole or not there, and the upload can be made.
TEST_F(DatasetsTest, ACrashAtAnyStepLosesNothingAcknowledged) {
  for (int step = 0; step < 40; ++step) {
    const std::string id = absl::StrCat("t", step);
    const std::string bytes = absl::StrCat(step, ",1\n2,3\n");
    files_.CrashAfter(step);
    const bool acknowledged = Send(bytes, id).ok();
    Restart();
    if (acknowledged) {
      EXPECT_TRUE(datasets_->Load({"", id}).ok()) << step;
    } else if (datasets_->Get(Scope::Of(""), {"", id}).ok()) {
      EXPECT_TRUE(datasets_->Load({"", id}).ok()) << step;
    }
    v1::UploadHeader header = HeaderOf(bytes, id);
    header.set_offset(datasets_->UploadOffset("", header.sha256()).value_or(0));
    ASSERT_TRUE(Send(header, bytes).ok()) << step;
    EXPECT_EQ(datasets_->Load({"", id}).value()->values.size(), 4U);
  }
}

TEST_F(DatasetsTest, ADamagedTableIsNotHandedOut) {
  ASSERT_TRUE(Send(kTable, "pima").ok());
  files_.Damage("blobs/datasets/pima/table", 3);
  EXPECT_TRUE(absl::IsDataLoss(datasets_->Load({"", "pima"}).status()));
}

TEST_F(DatasetsTest, OwnersHaveNamesAndUploadsOfTheirOwn) {
  const std::string other = "7\n8\n";
  auto ada = datasets_->StartUpload("ada", HeaderOf(kTable, "pima")).value();
  auto bob = datasets_->StartUpload("bob", HeaderOf(kTable, "pima")).value();  // the same bytes, at once
  ASSERT_TRUE(ada->Write(kTable).ok());
  EXPECT_TRUE(absl::IsNotFound(datasets_->UploadOffset("cyd", HeaderOf(kTable).sha256()).status()));
  EXPECT_TRUE(ada->Finish().ok());
  EXPECT_TRUE(absl::IsNotFound(datasets_->Get(Scope::Of("bob"), {"bob", "pima"}).status()));
  bob.reset();
  bob = datasets_->StartUpload("bob", HeaderOf(other, "pima")).value();
  ASSERT_TRUE(bob->Write(other).ok());
  EXPECT_EQ(bob->Finish()->owner(), "bob");

  EXPECT_THAT(datasets_->Load({"ada", "pima"}).value()->values, ElementsAre(1, 2, -1, 3, 4, 1, 5, 6, 1));
  EXPECT_THAT(datasets_->Load({"bob", "pima"}).value()->values, ElementsAre(7, 8));
  EXPECT_TRUE(absl::IsNotFound(datasets_->Get(Scope::Of("bob"), {"ada", "pima"}).status()));
  EXPECT_TRUE(absl::IsNotFound(datasets_->Delete(Scope::Of("bob"), {"ada", "pima"})));
  EXPECT_THAT(datasets_->List(Scope::Of("bob"), std::nullopt, 10)->datasets, SizeIs(1));
  EXPECT_THAT(datasets_->List(Scope::Everyone(), std::nullopt, 10)->datasets, SizeIs(2));
  EXPECT_TRUE(datasets_->Delete(Scope::Of("bob"), {"bob", "pima"}).ok());
  EXPECT_TRUE(datasets_->Load({"ada", "pima"}).ok());
  EXPECT_TRUE(datasets_->Delete(Scope::Everyone(), {"ada", "pima"}).ok());
}

}  // namespace
}  // namespace sliceflow::jobs
