// The matrix product on the CPU: which way to go for a shape, blocking for the caches, and threads.
//
// The ladder, from the inside out:
//
//   panel        RM x RN vectors of C in registers (gemm_micro_cpu.h), B's panel in L1
//   rows         all rows of a block of A against one panel of B after another; the block of A
//                stays in L2
//   k blocks     long sums in blocks of k, so that a panel of B fits L1; partial sums wait in C
//   packing      B is packed into panels where it is stored transposed, or large and used often; A
//                where it is used often. Small products read both in place.
//   strip        the columns beyond whole vectors, in the direction that fills vectors
//   parts        threads take runs of rows (or columns, or products of a batch) and work alone,
//                each with its own packed panels: only the operands are shared
//   few rows     one panel of C alone, without any of this
//   one row      many items of a single row of C: see gemm_rows_cpu.h
//   chunks of k  a gradient dW = X^T dY has few rows and a long sum: two chunks of k, or eight, are
//                summed apart and added in order
//
// An element's sum runs in one order, given by the shape: k ascending in one accumulator, block by
// block (panels), or lane by lane and then a fixed tree (strips), and chunk by chunk. No choice
// that affects it looks at the threads.

#include "kernels/gemm/gemm_cpu.h"

#include "kernels/device/threads.h"
#include "kernels/gemm/gemm_rows_cpu.h"
#include "kernels/gemm/gemm_strip_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

using Index = std::int64_t;

constexpr Index smaller(Index a, Index b) { return a < b ? a : b; }
constexpr Index larger(Index a, Index b) { return a > b ? a : b; }
constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

// How a thread's scratch is divided, in bytes: gemm_scratch_bytes in all.
constexpr Index packed_b_bytes = 480 << 10;
constexpr Index packed_a_bytes = 192 << 10;
constexpr Index strip_bytes = 64 << 10;  // B's columns transposed; or C's, transposed
constexpr Index slot_bytes = 256 << 10;  // a chunk's sums; or a tile of a sum made apart
static_assert(packed_b_bytes + packed_a_bytes + strip_bytes + slot_bytes ==
              static_cast<Index>(gemm_scratch_bytes));
static_assert(gemm_scratch_bytes <= Stream::minimum_scratch);

template <class T>
struct Scratch {
  T* packed_b;
  T* packed_a;
  T* strip;
  T* slot;
  explicit Scratch(std::byte* base)
      : packed_b(reinterpret_cast<T*>(base)),
        packed_a(reinterpret_cast<T*>(base + packed_b_bytes)),
        strip(reinterpret_cast<T*>(base + packed_b_bytes + packed_a_bytes)),
        slot(reinterpret_cast<T*>(base + packed_b_bytes + packed_a_bytes + strip_bytes)) {}
};

enum class Strip { none, along_k, along_m };

// What depends on the shape alone.
template <class T>
struct Plan {
  Index panel_columns;  // by panels; the strip does the rest
  Strip strip;
  Index k_block;
  bool pack_a, pack_b;
  Index k_chunk;  // 0: not cut
};

// Below some ten thousand multiply-adds of vectors, a thread's start is not repaid.
template <class T>
int team_for(const Stream& stream, const Gemm<T>& p) {
  const bool alone =
      stream.threads == nullptr || p.batch * p.m * p.n * larger(p.k, 1) < 16384 * lanes<T>;
  return alone ? 1 : stream.threads->count();
}

template <class T>
Plan<T> plan_for(const Gemm<T>& p) {
  constexpr Index L = lanes<T>, size = sizeof(T);
  Plan<T> plan{};
  const bool plain = p.activation == Activation::none && p.gradient_of == nullptr;

  // Chunks of k: few sums, long ones. As few chunks as give each of two threads one (of many
  // threads several share a chunk, by rows), since each costs a pass over C and its slot.
  if (plain && p.batch == 1 && p.k >= 1024 && p.m * round_up(p.n, L) * size <= slot_bytes &&
      p.k >= 4 * p.m && p.k >= 4 * p.n)
    plan.k_chunk = ceil_div(p.k, p.k >= 16384 ? 8 : 2);
  const Index k = plan.k_chunk != 0 ? plan.k_chunk : p.k;

  // The strip, by counting vector operations. A sum along k costs its lanes' tree, some three
  // operations a sum, and packing B's columns.
  const Index rest = p.n % L, masked = p.m * p.k;
  Index cost = rest != 0 ? masked : 0;
  if (rest != 0 && !p.transpose_a && p.k >= L && rest <= dot_columns<T> &&
      (p.transpose_b || rest * round_up(k, L) * size <= strip_bytes)) {
    const Index dot = p.m * rest * (ceil_div(p.k, L) + 3) + rest * p.k / (p.transpose_b ? L : 2);
    if (dot < cost) {
      plan.strip = Strip::along_k;
      cost = dot;
    }
  }
  const Index transposed_rows = round_up(p.m, L);
  if (rest != 0 && p.transpose_a && rest * transposed_rows * size <= strip_bytes) {
    const Index transposed = rest * transposed_rows / L * k + 8 * p.m;
    if (transposed < cost) {
      plan.strip = Strip::along_m;
      cost = transposed;
    }
  }
  plan.panel_columns = plan.strip != Strip::none ? p.n - rest : p.n;
  // With few rows B's panels are not worth transposing: sums along k for all columns.
  if (p.transpose_b && !p.transpose_a && p.k >= L) {
    const Index dot = p.m * p.n * (ceil_div(p.k, L) + 4);
    const Index panels = masked * (p.n / L) + p.n * p.k / 2 + cost;
    if (dot < panels) {
      plan.panel_columns = 0;
      plan.strip = Strip::along_k;
    }
  }

  // Panels of B of about L1: shorter blocks of k where both operands are read in place.
  const Index columns = plan.panel_columns;
  plan.pack_b = columns > 0 && (p.transpose_b || (p.m >= 192 && k * p.n * size > (64 << 10)));
  // Rows of a plain A are read where they lie, unless there are so many panels that packing is
  // nothing beside them, and rows so long that the rows of a block meet in the cache's sets.
  plan.pack_a = columns >= (p.transpose_a ? 512 : 1024) && p.m >= 24;
  // A panel's block of B stays in an L1 of 48 KB beside the rows of A and C. Partial sums
  // over an operand of the epilogue would have to be made apart: there it may be longer.
  constexpr Index panel_fits = (40 << 10) / (widest * vector_bytes);
  const Index plain_longest = p.gradient_of == p.c ? 384 : smaller(384, panel_fits);
  // Shorter where the blocks and the next ones, which are prefetched, are to lie in L2.
  const Index longest = p.transpose_a || plan.pack_a ? 128 : plain_longest;
  plan.k_block = k <= longest + longest / 2 ? larger(k, 1) : ceil_div(k, ceil_div(k, longest));
  return plan;
}

// A part of one product: rows [m0, m1), columns [n0, n1), steps [k0, k1).
struct Range {
  Index m0, m1, n0, n1, k0, k1;
};

// `p` is one product of the batch; c, accumulate and the epilogue are as `p` says.
template <class T>
void multiply(const Gemm<T>& p, const Plan<T>& plan, const Range& range, std::byte* scratch_base) {
  constexpr Index L = lanes<T>, size = sizeof(T);
  const Scratch<T> scratch(scratch_base);
  const Index rows = range.m1 - range.m0;
  const Index columns_end = smaller(range.n1, plan.panel_columns);
  const bool strip = plan.strip != Strip::none && range.n1 > plan.panel_columns;
  const Index strip_begin = larger(range.n0, plan.panel_columns);
  const int strip_columns = static_cast<int>(range.n1 - strip_begin);

  Finish<T> epilogue;
  epilogue.activation = p.activation;
  epilogue.gradient_activation = p.gradient_activation;
  epilogue.g = p.gradient_of;
  epilogue.ldg = p.ldg;
  const bool finish = !epilogue.nothing();

  // panels of at most this many vectors
  const int widest_panel = plan.pack_a ? packed_widest : rows <= 2 ? widest_low : widest;
  Index block_columns = larger(columns_end - range.n0, 0);
  if (plan.pack_b) {
    const Index unit = widest_panel * L;
    const Index most = larger(packed_b_bytes / size / plan.k_block / unit, 1) * unit;
    if (block_columns > most)
      block_columns = round_up(ceil_div(block_columns, ceil_div(block_columns, most)), unit);
  }
  Index block_rows = rows;
  if (block_columns > widest_panel * L || strip || plan.pack_a) {
    // Even blocks: a last one of a few rows would read every panel of B for little.
    const Index unit = plan.pack_a ? 8 : 24;
    // Read in place, A shares L2 with rows of C: of a narrow C with few.
    const Index numbers = packed_a_bytes / size, steps = plan.k_block;
    const Index fit = plan.pack_a ? numbers / steps
                                  : larger(numbers / 2 / steps, numbers * 7 / 6 / (steps + p.n));
    const Index most = larger(fit / unit, 1) * unit;
    block_rows = smaller(round_up(ceil_div(rows, ceil_div(rows, most)), unit), rows);
  }

  StripTarget<T> target{};
  if (strip) {
    target.c = p.c + range.m0 * p.ldc + strip_begin;
    target.ldc = p.ldc;
    target.accumulate = p.accumulate;
    target.bias = p.bias != nullptr ? p.bias + strip_begin : nullptr;
    target.epilogue = epilogue;
    if (epilogue.g != nullptr) target.epilogue.g += range.m0 * p.ldg + strip_begin;
  }

  Index n = range.n0;
  do {  // blocks of columns; the strip goes with the first
    const Index block_n = smaller(block_columns, larger(columns_end - n, 0));
    const Index vectors = ceil_div(block_n, L);
    const Index panels = ceil_div(vectors, widest_panel);
    const Index narrow = panels > 0 ? vectors / panels : 0;
    const Index wider = vectors - narrow * panels;  // panels of one vector more
    const bool with_strip = strip && n == range.n0;

    Index k = range.k0;
    do {  // blocks of k
      const Index block_k = smaller(plan.k_block, range.k1 - k);
      const bool first = k == range.k0, last = k + block_k == range.k1;
      const T* b_block = p.transpose_b ? p.b + n * p.ldb + k : p.b + k * p.ldb + n;
      if (plan.pack_b) {
        T* packed = scratch.packed_b;
        for (Index panel = 0, at = 0; panel < panels; ++panel) {
          const int width = static_cast<int>(narrow + (panel < wider ? 1 : 0));
          pack_panel_b<T>(b_block + at * (p.transpose_b ? p.ldb : 1), p.ldb, p.transpose_b, block_k,
                          smaller(width * L, block_n - at), width, packed);
          packed += block_k * width * L;
          at += width * L;
        }
      }
      const T* transposed_b = nullptr;
      Index transposed_ldb = p.ldb;
      if (with_strip && plan.strip == Strip::along_k && last) {
        const Index steps = range.k1 - range.k0, stride = round_up(steps, L);
        const bool fits = strip_columns * stride * size <= strip_bytes;
        if (p.transpose_b) {
          transposed_b = p.b + strip_begin * p.ldb + range.k0;
          if (rows >= 24 && fits)
            align_rows<T>(transposed_b, p.ldb, steps, strip_columns, scratch.strip, stride);
        } else {
          transpose_columns<T>(p.b + range.k0 * p.ldb + strip_begin, p.ldb, steps, strip_columns,
                               scratch.strip, stride);
        }
        if (!p.transpose_b || (rows >= 24 && fits)) {
          transposed_b = scratch.strip;
          transposed_ldb = stride;
        }
      }

      for (Index row = 0; row < rows; row += block_rows) {
        const Index block_m = smaller(block_rows, rows - row);
        const Index m = range.m0 + row;
        const T* a_block = p.transpose_a ? p.a + k * p.lda + m : p.a + m * p.lda + k;

        Panel<T> work{};
        work.k = block_k;
        work.a = a_block;
        work.a_stride = p.lda;
        LeftOperand left = p.transpose_a ? LeftOperand::across_k : LeftOperand::along_k;
        if (plan.pack_a && panels > 0) {
          pack_a<T>(a_block, p.lda, p.transpose_a, block_m, block_k, scratch.packed_a);
          work.a = scratch.packed_a;
          work.a_stride = packed_rows;
          left = LeftOperand::packed;
        }
        // A stored transposed is read a few lines of every row at a time, which the hardware
        // prefetcher does not follow: the next block's rows of A, and of B, are prefetched while
        // this one's are multiplied. Without packing only where they come from beyond L2. Of a
        // plain A that is packed only B's, since A's next block is a part of other rows.
        const bool far = p.k * (p.lda + p.ldb) * size > (3 << 20);
        const bool packed_a = left == LeftOperand::packed;
        const bool prefetches =
            panels > 0 && k + block_k < range.k1 && (packed_a || (p.transpose_a && far));
        const Index bytes_a = p.transpose_a ? block_k * p.lda * size : 0;
        const Index bytes_b = p.transpose_b ? 0 : block_k * p.ldb * size;
        const Index share =
            prefetches ? ceil_div(bytes_a + bytes_b, ceil_div(rows, block_rows) * panels) : 0;
        work.prefetch = reinterpret_cast<const char*>(p.b);
        if (prefetches)
          work.prefetch_step = ceil_div(share, ceil_div(block_m, packed_rows) * block_k);
        work.ldc = p.ldc;
        work.load_c = !first || p.accumulate;
        work.finish = last && finish;
        const T* packed = scratch.packed_b;
        for (Index panel = 0, at = 0; panel < panels; ++panel) {
          const int width = static_cast<int>(narrow + (panel < wider ? 1 : 0));
          const Index from_end = block_n - at - (width - 1) * L;
          work.last = static_cast<int>(smaller(from_end, L));
          work.b = plan.pack_b ? packed : b_block + at;
          work.b_stride = plan.pack_b ? width * L : p.ldb;
          work.c = p.c + m * p.ldc + n + at;
          work.bias = first && p.bias != nullptr ? p.bias + n + at : nullptr;
          if (prefetches) {
            const Index from = (row / block_rows * panels + panel) * share;
            work.prefetch =
                from < bytes_a
                    ? reinterpret_cast<const char*>(p.a + (k + block_k) * p.lda) + from
                    : reinterpret_cast<const char*>(p.b + (k + block_k) * p.ldb) + (from - bytes_a);
          }
          work.epilogue = epilogue;
          if (epilogue.g != nullptr) work.epilogue.g += m * p.ldg + n + at;
          run_panel<T>(work, block_m, width, left);
          packed += block_k * width * L;
          at += width * L;
        }

        if (transposed_b != nullptr) {
          StripTarget<T> here = target;
          here.c += row * p.ldc;
          if (here.epilogue.g != nullptr) here.epilogue.g += row * p.ldg;
          dot_strips<T>(p.a + m * p.lda + range.k0, p.lda, block_m, range.k1 - range.k0,
                        transposed_b, transposed_ldb, strip_columns, here);
        }
        if (with_strip && plan.strip == Strip::along_m) {
          // C's columns as rows, so B broadcast and A's rows as vectors
          const Index stride = round_up(rows, L);
          work.prefetch_step = 0;
          work.a = p.transpose_b ? p.b + strip_begin * p.ldb + k : p.b + k * p.ldb + strip_begin;
          work.a_stride = p.ldb;
          work.b_stride = p.lda;
          work.ldc = stride;
          work.load_c = !first;
          work.bias = nullptr;
          work.finish = false;
          work.epilogue = {};
          const Index transposed_vectors = ceil_div(block_m, L);
          const Index transposed_panels = ceil_div(transposed_vectors, widest);
          for (Index panel = 0, at = 0; panel < transposed_panels; ++panel) {
            const int width =
                static_cast<int>((transposed_vectors - at / L) / (transposed_panels - panel));
            work.last = static_cast<int>(smaller(block_m - at - (width - 1) * L, L));
            work.b = a_block + at;
            work.c = scratch.strip + row + at;
            run_panel<T>(work, strip_columns, width,
                         p.transpose_b ? LeftOperand::along_k : LeftOperand::across_k);
            at += width * L;
          }
        }
      }
      k += block_k;
    } while (k < range.k1);
    n += block_columns;
  } while (n < columns_end);

  if (strip && plan.strip == Strip::along_m)
    finish_transposed<T>(scratch.strip, round_up(rows, L), rows, strip_columns, target);
}

// G is C and the sum has several blocks, which would overwrite G with partial sums: small tiles of
// the sum are made apart.
template <class T>
void multiply_apart(const Gemm<T>& p, const Plan<T>& plan, const Range& range, std::byte* scratch) {
  constexpr Index tile_rows = 64, tile_columns = 256;
  static_assert(tile_rows * tile_columns * 8 <= slot_bytes);
  constexpr Index L = lanes<T>;
  T* tile = Scratch<T>(scratch).slot;
  for (Index m = range.m0; m < range.m1; m += tile_rows)
    for (Index n = range.n0; n < range.n1; n += tile_columns) {
      Range part = range;
      part.m0 = m;
      part.m1 = smaller(m + tile_rows, range.m1);
      part.n0 = n;
      part.n1 = smaller(n + tile_columns, range.n1);
      Gemm<T> sum = p;
      sum.c = tile - m * tile_columns - n;
      sum.ldc = tile_columns;
      sum.accumulate = false;
      sum.activation = Activation::none;
      sum.gradient_of = nullptr;
      multiply<T>(sum, plan, part, scratch);
      for (Index i = m; i < part.m1; ++i)
        for (Index j = n; j < part.n1; j += L) {
          const LaneMask<T> mask = first_lanes<T>(static_cast<int>(smaller(part.n1 - j, L)));
          T* c = p.c + i * p.ldc + j;
          Vec<T> v = load_masked<T>(tile + (i - m) * tile_columns + (j - n), mask);
          if (p.accumulate) v += load_masked<T>(c, mask);
          v = activate<T>(p.activation, v);
          v *= activation_derivative<T>(p.gradient_activation,
                                        load_masked<T>(p.gradient_of + i * p.ldg + j, mask));
          store_masked<T>(c, v, mask);
        }
    }
}

template <class T>
void multiply_any(const Gemm<T>& p, const Plan<T>& plan, const Range& range, std::byte* scratch) {
  if (p.gradient_of == p.c && p.k > plan.k_block)
    multiply_apart<T>(p, plan, range, scratch);
  else
    multiply<T>(p, plan, range, scratch);
}

// A sum cut into chunks of k. The first chunk's sums are C itself; those of the others lie in slots
// and are added to C in order. Neither the number of slots, and so of chunks in a round, changes a
// bit, nor into how many runs of rows a chunk is cut where there are more threads than chunks.
template <class T>
void multiply_in_chunks(Stream& stream, const Gemm<T>& p, const Plan<T>& plan) {
  constexpr Index L = lanes<T>;
  const Index width = round_up(p.n, L), sums = p.m * width;
  const Index team = team_for<T>(stream, p);
  const Index slots = slot_bytes / static_cast<Index>(sizeof(T)) / sums * team;
  const Index chunks = ceil_div(p.k, plan.k_chunk);
  const auto slot = [&](Index i) {
    std::byte* base = stream.scratch + i % team * Index{Stream::minimum_scratch};
    return Scratch<T>(base).slot + i / team * sums;
  };

  for (Index begin = 0, count; begin < chunks; begin += count) {
    const Index direct = begin == 0 ? 1 : 0;
    count = smaller(slots + direct, chunks - begin);
    const Index row_runs = smaller(ceil_div(team, count), ceil_div(p.m, 24));
    const Index run_rows = round_up(ceil_div(p.m, row_runs), 8);
    const auto chunk = [&](int part, int thread) {
      const Index number = part / row_runs, row = part % row_runs * run_rows;
      const Index k0 = (begin + number) * plan.k_chunk;
      const Range range{row, smaller(row + run_rows, p.m),   0, p.n,
                        k0,  smaller(k0 + plan.k_chunk, p.k)};
      if (range.m0 >= range.m1) return;
      Gemm<T> partial = p;
      if (begin + number > 0) {
        partial.c = slot(number - direct);
        partial.ldc = width;
        partial.accumulate = false;
        partial.bias = nullptr;
      }
      multiply<T>(partial, plan, range, stream.scratch + thread * Index{Stream::minimum_scratch});
    };
    const auto add = [&](Index m0, Index m1) {
      const LaneMask<T> mask = first_lanes<T>(static_cast<int>(p.n - width + L));
      for (Index i = m0; i < m1; ++i) {
        T* c = p.c + i * p.ldc;
        const auto all = [&](Vec<T> v, Index j) {
          for (Index part = 0; part < count - direct; ++part)
            v += load<T>(slot(part) + i * width + j);
          return v;
        };
        // a masked store takes many times as long as a whole one
        Index j = 0;
        for (; j + L <= p.n; j += L) store<T>(c + j, all(load<T>(c + j), j));
        if (j < p.n) store_masked<T>(c + j, all(load_masked<T>(c + j, mask), j), mask);
      }
    };
    if (team == 1) {
      for (Index part = 0; part < count; ++part) chunk(static_cast<int>(part), 0);
      add(0, p.m);
    } else {
      stream.threads->run(static_cast<int>(count * row_runs), chunk);
      if (sums * (count - direct) >= 16384)
        stream.threads->run(static_cast<int>(team), [&](int part, int) {
          add(part * p.m / team, (part + 1) * p.m / team);
        });
      else
        add(0, p.m);
    }
  }
}

// One row or two and few columns, as an actor has: one panel, no blocking and nobody to share with,
// so that what is left is reading B.
template <class T>
void multiply_few(const Gemm<T>& p) {
  constexpr Index L = lanes<T>;
  const int width = static_cast<int>(ceil_div(p.n, L));
  Panel<T> work{};
  work.k = p.k;
  work.a = p.a;
  work.a_stride = p.lda;
  work.b = p.b;
  work.b_stride = p.ldb;
  work.c = p.c;
  work.ldc = p.ldc;
  work.last = static_cast<int>(p.n - (width - 1) * L);
  work.chains = width == 1;
  work.load_c = p.accumulate;
  work.bias = p.bias;
  work.epilogue.activation = p.activation;
  work.epilogue.gradient_activation = p.gradient_activation;
  work.epilogue.g = p.gradient_of;
  work.epilogue.ldg = p.ldg;
  work.finish = !work.epilogue.nothing();
  run_panel<T>(work, p.m, width, LeftOperand::along_k);
}

template <class T>
void gemm_any(Stream& stream, const Gemm<T>& p) {
  if (p.m <= 0 || p.n <= 0 || p.batch <= 0) return;
  if (p.m <= 2 && p.batch == 1 && !p.transpose_a && !p.transpose_b &&
      p.n <= widest_low * lanes<T> && p.k <= 512)
    return multiply_few<T>(p);
  const Index team = team_for<T>(stream, p), L = lanes<T>;
  if (is_rows<T>(p)) {
    if (team == 1) return multiply_rows<T>(p, 0, p.batch);
    return stream.threads->run(static_cast<int>(team), [&](int part, int) {
      multiply_rows<T>(p, part * p.batch / team, (part + 1) * p.batch / team);
    });
  }
  const Plan<T> plan = plan_for<T>(p);

  if (plan.k_chunk != 0) return multiply_in_chunks<T>(stream, p, plan);
  if (team == 1 && p.batch == 1)
    return multiply_any<T>(p, plan, {0, p.m, 0, p.n, 0, p.k}, stream.scratch);

  Index batch_runs = 1, row_runs = 1, column_runs = 1;
  if (team > 1) {
    batch_runs = smaller(p.batch, team);
    const Index runs = ceil_div(team, batch_runs);
    // A matrix B that is larger than A is read once, by the threads in turn along its columns. Of
    // large products each thread packs what it needs: half of B's columns and all rows of A, which
    // whoever has B whole packs twice.
    if ((p.n >= 4 * p.m || (plan.pack_a && p.n >= p.m)) && p.n >= runs * 6 * L) {
      column_runs = runs;
    } else {
      row_runs = smaller(runs, ceil_div(p.m, 24));
      column_runs = smaller(ceil_div(runs, row_runs), ceil_div(p.n, 6 * L));
    }
  }
  const Index run_batch = ceil_div(p.batch, batch_runs);
  // The slowest thread counts: runs as even as the heights of blocks allow.
  const auto row_at = [&](Index run) {
    return run == row_runs ? p.m : (run * p.m / row_runs + 4) / 8 * 8;
  };
  const Index run_columns = round_up(ceil_div(p.n, column_runs), L);

  const auto part = [&](int number, int thread) {
    const Index column = number % column_runs;
    const Index row = number / column_runs % row_runs;
    const Index items = number / column_runs / row_runs;
    Range range{row_at(row),
                row_at(row + 1),
                column * run_columns,
                smaller((column + 1) * run_columns, p.n),
                0,
                p.k};
    if (range.m0 >= range.m1 || range.n0 >= range.n1) return;
    for (Index item = items * run_batch; item < smaller((items + 1) * run_batch, p.batch); ++item) {
      Gemm<T> one = p;
      one.a += item * p.stride_a;
      one.b += item * p.stride_b;
      one.c += item * p.stride_c;
      if (one.gradient_of != nullptr) one.gradient_of += item * p.stride_g;
      multiply_any<T>(one, plan, range, stream.scratch + thread * Index{Stream::minimum_scratch});
    }
  };
  const int parts = static_cast<int>(batch_runs * row_runs * column_runs);
  if (parts == 1)
    part(0, 0);
  else
    stream.threads->run(parts, part);
}

}  // namespace

void gemm(Stream& stream, const Gemm<float>& product) { gemm_any<float>(stream, product); }
void gemm(Stream& stream, const Gemm<double>& product) { gemm_any<double>(stream, product); }

}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<GemmKernels> cpu_kernels<GemmKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {{UNDERSTUDY_ISA::gemm}, {UNDERSTUDY_ISA::gemm}};
}
}  // namespace understudy
