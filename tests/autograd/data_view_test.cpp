// Views of memory that belongs to others: which rows they show, what is refused when recorded, what
// is refused when run, and that nothing is allocated or copied for them.

#include "autograd/program/data_view.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/operations/operations.h"
#include "autograd/program/program.h"
#include "kernels/device/error.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

// 0, 1, 2, ...
Vector counting(std::int64_t n) {
  Vector values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(static_cast<double>(i));
  return values;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

// Rows 0 .. 11 of two numbers: row i is 2i, 2i + 1.
struct Table {
  explicit Table(Device& device, Real real = Real::f32) : store(device, real) {
    rows_of_two = &store.create("table", {12, 2});
    rows_of_two->write(counting(24));
  }
  Store store;
  Array* rows_of_two;
};

Vector seen(Device& device, const DataView& view) {
  Program program(device, view.element() == Element::real ? view.real() : Real::f32);
  program.output("x", identity(program.use(view)));
  program.run();
  return program.read("x");
}

// The CPU, and CUDA where it is, be it emulated.
std::vector<std::unique_ptr<Device>> devices() {
  std::vector<std::unique_ptr<Device>> all;
  all.push_back(cpu_device());
  if (cuda_missing_reason() == nullptr) all.push_back(cuda_device());
  return all;
}

void shows_what_was_asked_for(Device* device) {
  for (Real real : {Real::f32, Real::f64}) {
    const Table table(*device, real);
    const Array& array = *table.rows_of_two;
    EXPECT_EQ(seen(*device, rows_of(array)), counting(24));
    EXPECT_EQ(seen(*device, rows_of(array, {.offset = 10})), (Vector{20, 21, 22, 23}));
    EXPECT_EQ(seen(*device, rows_of(array, {.offset = 3, .count = 1})), (Vector{6, 7}));
    EXPECT_EQ(seen(*device, rows_of(array, {.stride = 4})), (Vector{0, 1, 8, 9, 16, 17}));
    EXPECT_EQ(seen(*device, rows_of(array, {.offset = 2, .stride = 5, .count = 2})),
              (Vector{4, 5, 14, 15}));
    // Rows of rows: 1, 4, 7, 10, and of those the second and the fourth.
    const DataView every_third = rows_of(array, {.offset = 1, .count = 9}).rows({.stride = 3});
    EXPECT_EQ(seen(*device, every_third), (Vector{2, 3, 8, 9, 14, 15}));
    EXPECT_EQ(seen(*device, every_third.rows({.offset = 1, .count = 1})), (Vector{8, 9}));
    EXPECT_EQ(seen(*device, rows_of(array, {.count = 0})), Vector{});
  }
}

TEST(DataView, shows_the_rows_that_were_asked_for) {
  for (const auto& device : devices()) {
    SCOPED_TRACE(device->description());
    shows_what_was_asked_for(device.get());
  }
}

TEST(DataView, shows_indices_and_arrays_of_one_dimension) {
  const auto device = cpu_device();
  Store store(*device);
  Array& actions = store.create("action", {6}, Element::index);
  actions.write(counting(6));
  Program program(*device);
  const Tensor last = program.use(rows_of(actions, {.offset = 4}));
  EXPECT_EQ(last.shape(), (Shape{rows(2)}));
  EXPECT_EQ(last.element(), Element::index);
  program.output("x", one_hot(last, 6));
  program.run();
  EXPECT_EQ(program.read("x"), (Vector{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1}));
  Program another(*device);
  EXPECT_EQ(error_of([&] { another.use(rows_of(actions, {.stride = 2})); }),
            "action, every 2: a stride is for numbers");
}

// A loss over strided rows has the bits that it has over those rows copied together.
TEST(DataView, strided_rows_have_the_bits_of_their_copy) {
  for (const auto& device : devices()) {
    SCOPED_TRACE(device->description());
    Store store(*device);
    const std::int64_t n = 600, stride = 5, width = 7;
    Array& all = store.create("all", {n, width});
    Array& some = store.create("some", {n / stride, width});
    Vector values = counting(n * width), copied;
    for (double& value : values) value = value * 0.37 - 11 * static_cast<int>(value * 0.03);
    all.write(values);
    for (std::int64_t row = 0; row < n; row += stride)
      copied.insert(copied.end(), values.begin() + row * width, values.begin() + (row + 1) * width);
    some.write(copied);
    const auto mean_of = [&](const DataView& view) {
      Program program(*device);
      program.output("mean", mean(square(tanh(program.use(view))), 0));
      program.run();
      return program.read("mean");
    };
    EXPECT_EQ(mean_of(rows_of(all, {.stride = stride})), mean_of(rows_of(some)));
  }
}

TEST(DataView, refuses_rows_that_are_not_there) {
  const auto device = cpu_device();
  const Table table(*device);
  const Array& array = *table.rows_of_two;
  EXPECT_EQ(error_of([&] { rows_of(array, {.stride = 5}); }),
            "rows of table: every 5-th of 12 rows leaves a rest");
  EXPECT_EQ(error_of([&] { rows_of(array, {.offset = 4, .count = 9}); }),
            "rows of table: expected 13 rows, for 9 with a stride of 1 from row 4 on, found 12");
  EXPECT_EQ(error_of([&] { rows_of(array, {.stride = 4, .count = 4}); }),
            "rows of table: expected 16 rows, for 4 with a stride of 4 from row 0 on, found 12");
  EXPECT_EQ(error_of([&] { rows_of(array, {.offset = 13}); }),
            "rows of table: expected an offset from 0 to 12 and a stride of at least 1, found 13 "
            "and 1");
  EXPECT_THROW(rows_of(array, {.offset = -1}), Error);
  EXPECT_THROW(rows_of(array, {.stride = 0}), Error);
  EXPECT_THROW(rows_of(array, {.count = -2}), Error);
  // Beyond the rows of the view, though not of the array.
  EXPECT_THROW(rows_of(array, {.count = 4}).rows({.offset = 4, .count = 1}), Error);
}

TEST(DataView, refuses_another_type_device_or_owner_when_recorded) {
  const auto device = cpu_device(), other = cpu_device();
  const Table table(*device), doubles(*device, Real::f64), elsewhere(*other);
  Program program(*device);
  EXPECT_EQ(error_of([&] { program.use(DataView()); }),
            "program: expected a view of memory, found one of nothing");
  EXPECT_EQ(error_of([&] { program.use(rows_of(*doubles.rows_of_two)); }),
            "table: expected numbers of the program's type, f32, found f64");
  EXPECT_EQ(error_of([&] { program.use(rows_of(*elsewhere.rows_of_two)); }),
            "table lives on another device than the program");
  DataView left;
  {
    const Table gone(*device);
    left = rows_of(*gone.rows_of_two);
    EXPECT_TRUE(left.alive());
  }
  EXPECT_FALSE(left.alive());
  EXPECT_EQ(error_of([&] { program.use(left); }), "program: the owner of table no longer exists");
}

TEST(DataView, refuses_to_run_when_an_owner_is_gone) {
  const auto device = cpu_device();
  Program of_view(*device), of_array(*device), of_input(*device), of_program(*device);
  {
    Table gone(*device);
    const DataView view = rows_of(*gone.rows_of_two);
    of_view.output("x", identity(of_view.use(view)));
    of_array.output("x", identity(of_array.use(*gone.rows_of_two)));
    of_input.output("x", identity(of_input.input("o", {rows(12), 2})));
    of_input.bind("o", view);
    Program first(*device);
    first.output("y", first.use(view) * 2.0);
    first.run();
    of_program.output("x", identity(of_program.use(first.output_view("y"))));
    for (Program* program : {&of_view, &of_array, &of_input, &of_program}) program->run();
    EXPECT_EQ(of_program.read("x")[23], 46);
  }
  EXPECT_EQ(error_of([&] { of_view.run(); }),
            "program: the owner of table, which it reads, no longer exists");
  EXPECT_EQ(error_of([&] { of_array.run(); }),
            "program: the owner of table, which it reads, no longer exists");
  EXPECT_EQ(error_of([&] { of_input.run(); }),
            "program: the owner of o, which it reads, no longer exists");
  EXPECT_EQ(error_of([&] { of_program.run(); }),
            "program: the owner of y, which it reads, no longer exists");
  // What is bound anew runs again.
  const Table another(*device);
  of_input.bind("o", rows_of(*another.rows_of_two));
  of_input.run();
  EXPECT_EQ(of_input.read("x"), counting(24));
}

TEST(Input, reads_what_it_is_bound_to_and_checks_it) {
  const auto device = cpu_device(), other = cpu_device();
  const Table table(*device), doubles(*device, Real::f64), elsewhere(*other);
  Array& indices = const_cast<Store&>(table.store).create("index", {12}, Element::index);
  Program program(*device);
  program.output("x", identity(program.input("o", {rows(4), 2})));
  program.bind("o", rows_of(*table.rows_of_two, {.count = 4}));
  program.run();
  EXPECT_EQ(program.read("x"), counting(8));
  program.bind("o", rows_of(*table.rows_of_two, {.offset = 8}));
  program.run();
  EXPECT_EQ(program.read("x"), (Vector{16, 17, 18, 19, 20, 21, 22, 23}));

  EXPECT_EQ(error_of([&] { program.bind("o", rows_of(*table.rows_of_two)); }),
            "program: input o: expected numbers of shape [rows 4, 2], found table [rows 12, 2] of "
            "numbers");
  EXPECT_EQ(error_of([&] { program.bind("o", rows_of(indices, {.count = 4})); }),
            "program: input o: expected numbers of shape [rows 4, 2], found index [rows 4] of "
            "indices");
  EXPECT_EQ(error_of([&] { program.bind("o", rows_of(*table.rows_of_two, {.stride = 3})); }),
            "program: input o: expected numbers of shape [rows 4, 2], found table [rows 4, 2] of "
            "numbers, not one row after another");
  EXPECT_THROW(program.bind("o", rows_of(*doubles.rows_of_two, {.count = 4})), Error);
  EXPECT_THROW(program.bind("o", rows_of(*elsewhere.rows_of_two, {.count = 4})), Error);
  EXPECT_THROW(program.bind("p", rows_of(*table.rows_of_two, {.count = 4})), Error);
  // What was refused changed nothing.
  program.run();
  EXPECT_EQ(program.read("x")[0], 16);
}

// Writing used to go through a binding, into memory that was to be read alone.
TEST(Input, that_is_bound_is_not_written) {
  const auto device = cpu_device();
  const Table table(*device);
  Program program(*device);
  program.output("x", identity(program.input("o", {rows(12), 2})));
  program.bind("o", rows_of(*table.rows_of_two));
  EXPECT_EQ(error_of([&] { program.write("o", Vector(24, 7.0)); }),
            "program: input o reads the memory that it is bound to");
  EXPECT_EQ(table.rows_of_two->read(), counting(24));
}

TEST(Input, has_zeros_where_nobody_wrote_or_bound) {
  const auto device = cpu_device();
  Program program(*device);
  program.output("x", 1.0 + program.input("o", {rows(3), 2}));
  program.run();
  EXPECT_EQ(program.read("x"), Vector(6, 1.0));
  const float o[] = {1, 2, 3, 4, 5, 6};
  program.write("o", o, 6);
  program.run();
  EXPECT_EQ(program.read("x"), (Vector{2, 3, 4, 5, 6, 7}));
  const float borrowed[] = {6, 5, 4, 3, 2, 1};
  program.bind("o", DataView::borrowed(*device, "borrowed", {rows(3), 2}, borrowed, Element::real,
                                       Real::f32));
  program.run();
  EXPECT_EQ(program.read("x"), (Vector{7, 6, 5, 4, 3, 2}));
}

// An input used to be allocated and zeroed before what it was bound to took its place.
TEST(Input, that_is_bound_has_no_memory_of_its_own) {
  const auto device = cpu_device();
  const Table table(*device);
  const auto bytes = [&](const std::function<void(Program&)>& record) {
    Program program(*device);
    record(program);
    program.run();
    return program.memory_bytes();
  };
  const auto sum_of = [](Program& program, Tensor x) { program.output("sum", sum(x)); };
  const std::size_t viewed =
      bytes([&](Program& program) { sum_of(program, program.use(rows_of(*table.rows_of_two))); });
  const std::size_t bound = bytes([&](Program& program) {
    sum_of(program, program.input("o", {rows(12), 2}));
    program.bind("o", rows_of(*table.rows_of_two));
  });
  const std::size_t written = bytes([&](Program& program) {
    sum_of(program, program.input("o", {rows(12), 2}));
  });
  EXPECT_EQ(viewed, bound);
  EXPECT_EQ(written, viewed + 24 * sizeof(float));
}

TEST(Program, shows_no_view_of_what_is_not_its_own) {
  const auto device = cpu_device();
  const Table table(*device);
  Program program(*device);
  const Tensor x = program.use(rows_of(*table.rows_of_two));
  program.output("table itself", x);
  program.output("twice", x * 2.0);
  program.plan();
  EXPECT_EQ(error_of([&] { program.output_view("table itself"); }),
            "program: output table itself is table itself, and not the program's memory");
  EXPECT_EQ(program.output_view("twice").shape(), (Shape{rows(12), 2}));
}

}  // namespace
}  // namespace understudy
