#include "autograd/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "kernels/device/error.h"

namespace understudy::files {

namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 16;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_in_folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_.empty() || path_.find('\0') != std::string::npos || path_.back() == '/') {
    fail(ErrorKind::bad_file, "%s: expected the name of a file to write",
         shown_path(path_).c_str());
  }

  struct stat status;
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail_with("cannot write", errno);
  if (exists && !S_ISREG(status.st_mode)) {
    fail(ErrorKind::bad_file, "%s: cannot write: %s", shown_path(path_).c_str(),
         S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file");
  }
  if (exists) {
    // rename would replace a link by a file
    char* resolved = ::realpath(path_.c_str(), nullptr);
    if (resolved == nullptr) fail_with("cannot resolve", errno);
    target_ = resolved;
    std::free(resolved);
    // rename asks for nothing but the folder; a file that its owner made read-only stays
    if (::access(target_.c_str(), W_OK) != 0) fail_with("cannot write", errno);
  }

  // unique among processes by the pid, within one by the count; O_EXCL settles the rest
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
    char suffix[48];
    std::snprintf(suffix, sizeof suffix, ".%ld-%u.partial", static_cast<long>(::getpid()),
                  counter.fetch_add(1));
    // a name has at most 255 bytes: a long one is cut, as it is only there to be recognized
    temporary_ = folder_of(target_) + "/." + name_in_folder(target_).substr(0, 180) + suffix;
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) {
    const int reason = errno;
    temporary_.clear();
    fail_with("cannot write", reason);
  }
  // not every file system has permissions to keep
  if (exists) static_cast<void>(::fchmod(descriptor_, status.st_mode & 07777) == 0);
  buffer_.reserve(buffer_size);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail_with(const char* doing, int reason) {
  discard();
  fail(ErrorKind::bad_file, "%s: %s: %s", shown_path(path_).c_str(), doing, std::strerror(reason));
}

void AtomicFile::write(ByteSpan bytes) {
  UNDERSTUDY_CHECK(descriptor_ >= 0, "a write after the end of %s", path_.c_str());
  if (buffer_.size() + bytes.size() > buffer_size) {
    write_through(buffer_);
    buffer_.clear();
  }
  if (bytes.size() >= buffer_size) {
    write_through(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void AtomicFile::write_through(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_with("cannot write", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  UNDERSTUDY_CHECK(descriptor_ >= 0, "a second commit of %s", path_.c_str());
  write_through(buffer_);
  buffer_.clear();
  if (::fsync(descriptor_) != 0) fail_with("cannot bring to the disk", errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  // some network file systems report a full disk only here
  if (closed != 0 && errno != EINTR) fail_with("cannot write", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with("cannot rename to", errno);
  temporary_.clear();

  // The new file is in place; without this it might be the earlier one again after a power cut.
  // Some file systems cannot sync a folder (EINVAL), and some folders may be written but not read.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  const int synced = ::fsync(folder);
  const int reason = errno;
  ::close(folder);
  if (synced != 0 && reason != EINVAL && reason != ENOTSUP) {
    fail_with("cannot bring its folder to the disk", reason);
  }
}

void write_file_atomically(const std::string& path, ByteSpan bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace understudy::files
