// Trunks: features of observations, one row of a table each.
//
//   name               features f                                          memory
//   mlp                f_t = MLP(x_t)                                      none
//   rnn, lstm, gru     f_t = h_t = cell(MLP(x_t), h_{t-1})                 h; an lstm's cell c too
//
// x is the observation as the policy prepared it: normalized, embedded, through convolutions.
// Before the cell stand all layers of `hidden` but the last, which is the cell's own size.
//
// Thread safety: a trunk does not change once made; calling it records into one program.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "algorithms/data/images.h"
#include "autograd/modules/modules.h"
#include "autograd/options/options.h"

namespace understudy {

class CWriter;

struct TrunkOptions {
  std::string name = "mlp";
  // mlp: layers; none: the observation itself. Recurrent: layers before it, then its own size last.
  std::vector<std::int64_t> hidden = {100, 100};  // (Ho & Ermon 2016, section 6)
  Activation activation = Activation::tanh;
  // Before those, of observations that are images: four numbers a convolution, its channels,
  // kernel, stride and padding; a ReLU behind each.
  std::vector<std::int64_t> convolutions = {};
  ImageLayout image_layout = ImageLayout::channels_first;
  std::int64_t embedding = 32;  // numbers an embedded index becomes
  friend bool operator==(const TrunkOptions&, const TrunkOptions&) = default;
};
// "", the name; then the rest. Another name brings the sizes that go with it.
void list_options(OptionList& list, TrunkOptions& trunk);

// Trunks for images of 64 x 64: 8 x 8, 4 x 4 and 3 x 3 of 32, 64 and 64 channels (Mnih et al. 2015,
// "Methods"; 512 units go behind), and four of 3 x 3 and stride 2 of 32, 64, 64 and 64.
std::vector<std::int64_t> nature_convolutions();
std::vector<std::int64_t> small_convolutions();
// What images of these sides are given where nobody says: the first from 36 pixels a side, the
// second from 8; below, none.
std::vector<std::int64_t> convolutions_for(const ImageShape& image);

class Trunk {
 public:
  virtual ~Trunk() = default;
  virtual std::int64_t outputs() const = 0;

  // x [rows..., inputs] to features [rows..., outputs]. A trunk with memory takes sequences
  // [rows, steps, inputs] from an empty memory; where mask [rows, steps] is 0 it stands still.
  virtual Tensor operator()(Tensor x, Tensor mask) const = 0;

  // 0: there is none. Zeros are the memory at the start of an episode.
  virtual std::int64_t memory_width() const { return 0; }
  // One step: x [rows, inputs], memory [rows, memory_width]. `next`: the memory after it.
  virtual Tensor step(Tensor x, Tensor memory, Tensor& next) const;
};

// What a trunk is made from.
struct TrunkSite {
  Parameters& parameters;
  std::int64_t inputs = 0;
  Initialization weight = {};
};

struct TrunkRow {
  const char* name;
  const char* summary;
  const char* source;
  const char* header;
  bool has_memory = false;
  std::vector<std::int64_t> hidden;  // the default of TrunkOptions::hidden
  std::unique_ptr<Trunk> (*make)(const TrunkSite& site, const TrunkOptions& options);
  // Writes features as C (export_c.h). Null: there is no such writer.
  void (*write_c)(CWriter& writer, const TrunkOptions& options) = nullptr;
};

std::span<const TrunkRow* const> trunk_rows();
const TrunkRow& trunk_named(const std::string& name, const std::string& what = "trunk");
// As `register_head`. No trunk has fewer weights than its dense layers `hidden` would.
void register_trunk(TrunkRow row);

}  // namespace understudy
