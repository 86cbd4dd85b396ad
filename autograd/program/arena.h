// An allocator for blocks with known lifetimes, before any memory is there: blocks that are never
// alive together may have the same offset.

#pragma once

#include <cstddef>
#include <vector>

namespace understudy {

class Arena {
 public:
  static constexpr std::size_t alignment = 64;

  // A place for `bytes` that is free from time `first` to `last`, both included: the lowest.
  std::size_t allocate(std::size_t bytes, int first, int last) {
    const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
    std::size_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Block& block : blocks_)
        if (block.first <= last && first <= block.last && block.offset < offset + size &&
            offset < block.offset + block.size) {
          offset = block.offset + block.size;
          moved = true;
        }
    }
    blocks_.push_back({offset, size, first, last});
    if (offset + size > bytes_) bytes_ = offset + size;
    return offset;
  }

  // Makes the block at `offset` that is alive at `now` live until `last`.
  void extend(std::size_t offset, int now, int last) {
    for (Block& block : blocks_)
      if (block.offset == offset && block.first <= now && now <= block.last && block.last < last)
        block.last = last;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  struct Block {
    std::size_t offset, size;
    int first, last;
  };
  std::vector<Block> blocks_;
  std::size_t bytes_ = 0;
};

}  // namespace understudy
