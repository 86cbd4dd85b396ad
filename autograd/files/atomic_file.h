// A file that appears whole or not at all.
//
// What is written goes to a temporary in the same folder, `.name.PID-N.partial`. `commit` brings it
// to the disk (fsync), gives it its name (rename, which POSIX makes atomic) and brings the folder's
// entry to the disk. Before that the earlier file, if there was one, is as it was: whether the disk
// fills, the process is killed or an Error passes. A temporary is removed by its owner; only one
// whose process was killed stays behind, and nothing ever reads it.
//
// A link is followed, so that it stays a link; the permissions of an earlier file are kept.
// Devices, pipes and folders are refused: renaming over /dev/null would replace it.
//
// Thread safety: one thread at a time for each file.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "autograd/files/bytes.h"

namespace understudy::files {

class AtomicFile final : public Sink {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile() override;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  using Sink::write;
  void write(ByteSpan bytes) override;

  // Once, last. Without it the file never appears.
  void commit();

 private:
  void write_through(ByteSpan bytes);
  void discard() noexcept;
  [[noreturn]] void fail_with(const char* doing, int reason);

  std::string path_;    // as given, for messages
  std::string target_;  // with links followed
  std::string temporary_;
  int descriptor_ = -1;
  std::vector<std::byte> buffer_;  // gathers small writes
};

// The whole of it in one call.
void write_file_atomically(const std::string& path, ByteSpan bytes);

}  // namespace understudy::files
