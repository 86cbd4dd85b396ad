#include "autograd/files/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/files/files_test.h"

namespace understudy::files {
namespace {

class AtomicFileTest : public FilesTest {};

// Runs `action` in a process of its own and returns its exit status (-signal if it was killed).
template <class Action>
int in_child(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(action());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_F(AtomicFileTest, AppearsOnlyWhenCommitted) {
  {
    AtomicFile file(path("new"));
    file.write("half");
    EXPECT_FALSE(std::filesystem::exists(path("new")));
  }
  EXPECT_EQ(files_in_folder(), 0u) << "an abandoned temporary stays behind";
  AtomicFile file(path("new"));
  std::string expected;
  for (int i = 0; i < 30000; ++i) {  // small and large writes, across the buffer
    const std::string piece(static_cast<std::size_t>(i % 7 == 0 ? i * 3 : 5), static_cast<char>(i));
    if (expected.size() < 1'000'000) {
      file.write(piece);
      expected += piece;
    }
  }
  file.commit();
  EXPECT_TRUE(get_file(path("new")) == expected);
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(AtomicFileTest, AnAbandonedWriteLeavesTheEarlierFile) {
  put_file(path("file"), "earlier");
  { AtomicFile(path("file")).write("later"); }
  EXPECT_EQ(get_file(path("file")), "earlier");
  write_file_atomically(path("file"), bytes_of("later"));
  EXPECT_EQ(get_file(path("file")), "later");
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(AtomicFileTest, AProcessKilledWhileWritingLeavesTheEarlierFile) {
  put_file(path("file"), "earlier");
  EXPECT_EQ(in_child([&] {
              AtomicFile file(path("file"));
              file.write(std::string(1 << 20, 'x'));
              ::raise(SIGKILL);
              return 0;
            }),
            -SIGKILL);
  EXPECT_EQ(get_file(path("file")), "earlier");
  write_file_atomically(path("file"), bytes_of("later"));
  EXPECT_EQ(get_file(path("file")), "later");
}

// A limit on the size of files ends a write as a full disk does: part of it done, then an error.
TEST_F(AtomicFileTest, AWriteThatTheSystemEndsLeavesTheEarlierFileAndNoTemporary) {
  put_file(path("file"), "earlier");
  EXPECT_EQ(in_child([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{100'000, 100'000};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              const std::string message = error_of([&] {
                write_file_atomically(path("file"), bytes_of(std::string(1 << 20, 'x')));
              });
              return message == path("file") + ": cannot write: File too large" ? 0 : 1;
            }),
            0);
  EXPECT_EQ(get_file(path("file")), "earlier");
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(AtomicFileTest, AFullDiskLeavesTheEarlierFileAndNoTemporary) {
  if (::mount("none", folder_.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "no right to mount a small disk";
  }
  put_file(path("file"), "earlier");
  EXPECT_ERROR(write_file_atomically(path("file"), bytes_of(std::string(1 << 20, 'x'))),
               path("file") + ": cannot write: No space left on device");
  EXPECT_EQ(get_file(path("file")), "earlier");
  EXPECT_EQ(files_in_folder(), 1u);
  ::umount(folder_.c_str());
}

TEST_F(AtomicFileTest, WhatCannotBeWrittenSaysWhy) {
  EXPECT_ERROR(AtomicFile(path("none/file")), "none/file: cannot write: No such file or directory");
  EXPECT_ERROR(AtomicFile(folder_.string()), "cannot write: it is a folder");
  EXPECT_ERROR(AtomicFile(""), "expected the name of a file");
  EXPECT_ERROR(AtomicFile(path("folder/")), "expected the name of a file");
  EXPECT_ERROR(AtomicFile("/dev/full"), "/dev/full: cannot write: it is not a regular file");
  put_file(path("file"), "earlier");
  EXPECT_ERROR(AtomicFile(path("file/below")), "Not a directory");
  EXPECT_ERROR(AtomicFile(path(std::string(300, 'x'))), "File name too long");
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(AtomicFileTest, AFolderOrFileWithoutTheRightIsRefused) {
  put_file(path("file"), "earlier");
  ::chmod(path("file").c_str(), 0444);
  // root may write everywhere: another user's process tries
  ::chmod(folder_.c_str(), 0777);
  const int status = in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 77;
    const std::string file = error_of([&] { AtomicFile(path("file")); });
    if (file != path("file") + ": cannot write: Permission denied") return 1;
    return 0;
  });
  if (status == 77) GTEST_SKIP() << "no other user to be";
  EXPECT_EQ(status, 0);
  ::chmod(folder_.c_str(), 0555);
  EXPECT_EQ(in_child([&] {
              if (::geteuid() == 0 && ::setuid(65534) != 0) return 77;
              const std::string made = error_of([&] { AtomicFile(path("other")); });
              return made == path("other") + ": cannot write: Permission denied" ? 0 : 1;
            }),
            0);
  ::chmod(folder_.c_str(), 0755);
  EXPECT_EQ(get_file(path("file")), "earlier");
}

TEST_F(AtomicFileTest, ALinkStaysALinkAndPermissionsStay) {
  put_file(path("real"), "earlier");
  ::chmod(path("real").c_str(), 0640);
  std::filesystem::create_symlink("real", path("link"));
  write_file_atomically(path("link"), bytes_of("later"));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(get_file(path("real")), "later");
  struct stat status;
  ASSERT_EQ(::stat(path("real").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(AtomicFileTest, ALongNameStillHasRoomForItsTemporary) {
  const std::string name(255, 'n');
  write_file_atomically(path(name), bytes_of("text"));
  EXPECT_EQ(get_file(path(name)), "text");
}

}  // namespace
}  // namespace understudy::files
