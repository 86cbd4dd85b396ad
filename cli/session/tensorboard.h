// Scalars in a file that TensorBoard reads, without TensorFlow.
//
// The file is a sequence of TFRecords (tensorflow/core/lib/io/record_writer.cc):
//
//   8 bytes   length of the data, little-endian
//   4 bytes   masked CRC-32C of those 8 bytes
//   the data  one protocol buffer Event (tensorflow/core/util/event.proto)
//   4 bytes   masked CRC-32C of the data
//
// Only what scalars need of the Event is written: wall_time (1, double), step (2, varint), and
// file_version (3, once, first) or summary (5) with values of tag (1) and simple_value (2, float).

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace understudy::cli {

// Name and value, in the order in which they are shown.
using Metrics = std::vector<std::pair<std::string, double>>;

class EventFile {
 public:
  // Appends to the file; where it is not there or empty, begins one. Records of steps after
  // `last_step`, and a record that was cut short, are taken off its end first.
  EventFile(std::string path, std::int64_t last_step);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  // All values of one step in one Event. Bytes are handed to the system before this returns.
  void add(std::int64_t step, const Metrics& values);

 private:
  void record(const std::string& event);

  std::string path_;
  int descriptor_ = -1;
};

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78).
std::uint32_t crc32c(const void* data, std::size_t size);

}  // namespace understudy::cli
