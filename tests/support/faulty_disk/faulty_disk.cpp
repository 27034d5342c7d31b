#include "tests/support/faulty_disk/faulty_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <new>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sliceflow::testing {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Notes about a file's bytes, from the newest on: each is what was there, then its heading.
int UndoBytes(const fs::path& file, std::string notes) {
  int undone = 0;
  const int descriptor = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  while (descriptor >= 0 && notes.size() >= sizeof(BytesNote)) {
    BytesNote heading;
    std::memcpy(&heading, notes.data() + notes.size() - sizeof heading, sizeof heading);
    notes.resize(notes.size() - sizeof heading);
    const auto size = static_cast<size_t>(heading.size);
    EXPECT_GE(notes.size(), size);
    EXPECT_EQ(pwrite(descriptor, notes.data() + notes.size() - size, size, heading.offset), heading.size);
    EXPECT_EQ(ftruncate(descriptor, heading.file_size), 0);
    notes.resize(notes.size() - size);
    ++undone;
  }
  if (descriptor >= 0) close(descriptor);
  return undone;
}

int UndoChanges(const std::string& notes) {
  const std::vector<std::string> lines = absl::StrSplit(notes, '\n', absl::SkipEmpty());
  std::error_code error;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const std::vector<std::string> words = absl::StrSplit(line->substr(2), '\t');
    if (line->front() == 'C') fs::remove(words[0], error);
    if (line->front() == 'R') fs::rename(words[1], words[0], error);
    const std::string& backup = words.back();
    if (line->front() == 'R' && !backup.empty()) fs::rename(backup, words[1], error);
    if (line->front() == 'U' && !backup.empty()) fs::rename(backup, words[0], error);
  }
  return static_cast<int>(lines.size());
}

}  // namespace

FaultyDisk::FaultyDisk(const std::string& folder) : folder_(fs::canonical(folder)), path_(absl::StrCat(folder_, ".faults")) {
  const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_EQ(ftruncate(file, sizeof(DiskControl)), 0);
  void* const memory = mmap(nullptr, sizeof(DiskControl), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  control_ = new (memory) DiskControl;
  folder_.copy(control_->folder, sizeof control_->folder - 1);
  prefix_ = {"env", absl::StrCat("LD_PRELOAD=", SLICEFLOW_FAULTY_DISK), absl::StrCat(kDiskControlVariable, "=", path_)};
}

FaultyDisk::~FaultyDisk() {
  munmap(control_, sizeof(DiskControl));
  std::error_code error;
  fs::remove(path_, error);
  fs::remove_all(notes(), error);
}

void FaultyDisk::Fail(uint32_t operations, int error, int64_t times, int64_t skip) {
  control_->operations = 0;
  control_->error = error;
  control_->times = times;
  control_->skip = skip;
  control_->failed = 0;
  control_->operations = operations;
}

void FaultyDisk::Heal() { control_->operations = 0; }

void FaultyDisk::LeaveRoom(int64_t bytes) { control_->room = bytes; }

void FaultyDisk::RememberUnsynced() {
  fs::remove_all(notes());
  fs::create_directory(notes());
  control_->journal = true;
}

int FaultyDisk::DropUnsynced() {
  // Files by what they are, not by name: names may be undone as well.
  std::map<uint64_t, fs::path> files;
  struct stat status;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (stat(entry.path().c_str(), &status) == 0) files[status.st_ino] = entry.path();
  }
  if (stat(folder_.c_str(), &status) == 0) files[status.st_ino] = folder_;
  int undone = 0;
  std::vector<std::string> changes;
  for (const auto& note : fs::directory_iterator(notes())) {
    uint64_t inode = 0;
    const bool is_note = absl::SimpleAtoi(note.path().filename().string(), &inode);
    const auto file = files.find(inode);
    if (!is_note || file == files.end()) continue;
    if (fs::is_directory(file->second)) {
      changes.push_back(ReadAll(note.path()));
    } else {
      undone += UndoBytes(file->second, ReadAll(note.path()));
    }
  }
  for (const std::string& notes_of_folder : changes) undone += UndoChanges(notes_of_folder);
  RememberUnsynced();
  return undone;
}

}  // namespace sliceflow::testing
