// Random numbers in programs: fresh each run, because the counter they start from is a persistent
// array that each draw moves on; the same for any tiling, because an element's number decides its
// draw.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

enum class Draw { uniform, normal, gumbel, categorical, permutation };

const char* name_of(Draw draw) {
  switch (draw) {
    case Draw::uniform: return "random_uniform";
    case Draw::normal: return "random_normal";
    case Draw::gumbel: return "random_gumbel";
    case Draw::categorical: return "random_categorical";
    case Draw::permutation: return "random_permutation";
  }
  return "random";
}

class RandomDraw final : public Operation {
 public:
  RandomDraw(Draw draw, const RandomSource& source) : draw_(draw), source_(source) {}
  const char* name() const override { return name_of(draw_); }
  void run(const Call& call) const override {
    const RandomState state{source_.seed, source_.stream};
    const std::uint64_t* counter = static_cast<const std::uint64_t*>(source_.counter->data());
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const RandomKernels<T>& kernels = call.kernels<T>().random;
      const Shape out = call.out_shape();
      const std::int64_t n = out.elements(), first = call.first_row * out.row_elements();
      switch (draw_) {
        case Draw::uniform:
          return kernels.uniform(call.stream, state, counter, 0, first, n, call.out<T>());
        case Draw::normal:
          return kernels.normal(call.stream, state, counter, 0, first, n, call.out<T>());
        case Draw::gumbel:
          return kernels.gumbel(call.stream, state, counter, 0, first, n, call.out<T>());
        case Draw::categorical: {
          const std::int64_t classes = call.in_shape(0)[-1];
          return kernels.categorical(call.stream, state, counter, 0, first * classes, n, classes,
                                     call.in<T>(0), call.out<std::int32_t>());
        }
        case Draw::permutation:
          return kernels.permutation(call.stream, state, counter, 0, n, call.out<std::int32_t>());
      }
    });
  }
  // What is drawn depends on nothing smoothly.
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}

 private:
  Draw draw_;
  RandomSource source_;
};

class Advance final : public Operation {
 public:
  Advance(Array& counter, std::uint64_t blocks) : counter_(counter), blocks_(blocks) {}
  const char* name() const override { return "advance"; }
  std::string detail() const override { return counter_.name() + " by " + std::to_string(blocks_); }
  void run(const Call& call) const override {
    std::uint64_t* counter = static_cast<std::uint64_t*>(counter_.data());
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().random.advance(call.stream, counter, blocks_);
    });
  }

 private:
  Array& counter_;
  std::uint64_t blocks_;
};

Tensor draw(Program& program, Draw kind, const RandomSource& source,
            const std::vector<Tensor>& inputs, const Shape& shape, std::int64_t numbers) {
  if (source.counter == nullptr || source.counter->element() != Element::counter ||
      source.counter->elements() != 1)
    fail(ErrorKind::bad_input, "%s: needs a counter array of one element", name_of(kind));
  const bool indices = kind == Draw::categorical || kind == Draw::permutation;
  Tensor result = program.append(std::make_unique<RandomDraw>(kind, source), inputs,
                                 {{shape, indices ? Element::index : Element::real}},
                                 Effects{{source.counter}, {}})[0];
  // No draw uses more than one block of four words a number.
  program.append(std::make_unique<Advance>(*source.counter, static_cast<std::uint64_t>(numbers)),
                 {}, {}, Effects{{}, {source.counter}});
  return result;
}

}  // namespace

Tensor random_uniform(Program& program, const RandomSource& source, const Shape& shape) {
  return draw(program, Draw::uniform, source, {}, shape, shape.elements());
}
Tensor random_normal(Program& program, const RandomSource& source, const Shape& shape) {
  return draw(program, Draw::normal, source, {}, shape, shape.elements());
}
Tensor random_gumbel(Program& program, const RandomSource& source, const Shape& shape) {
  return draw(program, Draw::gumbel, source, {}, shape, shape.elements());
}
Tensor random_categorical(const RandomSource& source, Tensor x) {
  require_real("random_categorical", x);
  if (x.shape().rank() < 1 || x.shape()[-1] == 0)
    fail(ErrorKind::bad_shape, "random_categorical: over the last axis of %s",
         x.shape().text().c_str());
  return draw(x.program(), Draw::categorical, source, {x}, x.shape().without_axis(-1),
              x.shape().elements());
}
Tensor random_permutation(Program& program, const RandomSource& source, std::int64_t n) {
  return draw(program, Draw::permutation, source, {}, {n}, n);
}

}  // namespace understudy
