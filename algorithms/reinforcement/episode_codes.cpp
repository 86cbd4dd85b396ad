#include "algorithms/reinforcement/episode_codes.h"

namespace understudy {

namespace {

// Beyond the streams of parameters, actors and answers; codes take two.
constexpr std::uint64_t code_stream = (std::uint64_t{1} << 32) + 128;

}  // namespace

EpisodeCodes::EpisodeCodes(Store& store, const CodeSpace& codes, std::int64_t count,
                           std::int64_t width, Array& current, Array& final, std::uint64_t seed)
    : buffers_(store.device()), following_(store.device()), recalling_(store.device()) {
  observed_ = &buffers_.create("observed", {count, width});
  final_observed_ = &buffers_.create("final_observed", {count, width});
  elapsed_ = &buffers_.create("elapsed", {count});
  code_ = &store.create("rollouts/code", {count, codes.width()});
  counter_ = &store.create("rollouts/code_counter", {1}, Element::counter);
  {
    Program& program = following_;
    const Tensor before = program.use(rows_of(*code_));
    program.assign(final, concatenate({program.use(rows_of(*final_observed_)), before}, -1));
    const Tensor elapsed = reshape(program.use(rows_of(*elapsed_)), {rows(count), 1});
    const Tensor goes_on = expand(elapsed, {rows(count), codes.width()});
    const Tensor now =
        select(goes_on, before, draw_codes(program, codes, {counter_, seed, code_stream}, count));
    program.assign(*code_, now);
    program.assign(current, concatenate({program.use(rows_of(*observed_)), now}, -1));
    program.plan();
  }
  recalling_.assign(
      current,
      concatenate({recalling_.use(rows_of(*observed_)), recalling_.use(rows_of(*code_))}, -1));
  recalling_.plan();
}

void EpisodeCodes::follow(const float* elapsed) {
  elapsed_->device().copy(elapsed_->data(), elapsed, elapsed_->bytes());
  following_.run();
}

}  // namespace understudy
