// Rewriting a recorded list into fewer or cheaper operations with the same results.

#include "autograd/operations/view.h"
#include "autograd/program/plan.h"

namespace understudy {

void Plan::find_producers() {
  producer_.assign(program_.tensors_.size(), -1);
  for (std::size_t at = 0; at < steps_.size(); ++at)
    for (int output : steps_[at].outputs) producer_[output] = static_cast<int>(at);
}

void Plan::drop_unused() {
  std::vector<bool> needed(program_.tensors_.size(), false);
  for (const Program::Named& named : program_.outputs_) needed[named.tensor] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    bool keep = !step->effects->writes.empty();
    for (int output : step->outputs) keep = keep || needed[output];
    step->dropped = !keep;
    if (keep)
      for (int input : step->inputs)
        if (input >= 0) needed[input] = true;
  }
}

// The matrix `tensor` transposed, by a step of its own.
int Plan::add_transposed(int tensor, std::vector<Step>& steps) {
  static const Effects none;
  const Shape shape = program_.shape(tensor);
  Program::TensorRecord record;
  record.shape = Shape{shape[1], shape[0]};
  record.element = program_.element(tensor);
  const int result = program_.add_tensor(record);
  made_.push_back(transposing_operation());
  Step step;
  step.operation = made_.back().get();
  step.inputs = {tensor};
  step.outputs = {result};
  step.effects = &none;
  steps.push_back(std::move(step));
  return result;
}

// A product that goes over tiles of many rows would transpose its matrix for every one of them: the
// matrix is transposed once, for all products that read it between two writes to its memory.
void Plan::transpose_once() {
  if (!tiles_rows()) return;
  struct Made {
    int tensor, transposed;
  };
  std::vector<Made> made;
  std::vector<Step> steps;
  for (Step& step : steps_) {
    if (!step.dropped && step.use == RowUse::local && step.rows >= transposed_rows) {
      Operation::Fusion plain = step.operation->reading_transposed();
      const Shape shape =
          plain.operation == nullptr ? Shape() : shape_of(step.inputs[plain.operand]);
      if (shape.rank() == 2 && !shape.has_rows() && shape.elements() >= transposed_elements) {
        int& matrix = step.inputs[plain.operand];
        int transposed = -1;
        for (const Made& one : made)
          if (one.tensor == matrix) transposed = one.transposed;
        if (transposed < 0) {
          transposed = add_transposed(matrix, steps);
          made.push_back({matrix, transposed});
        }
        matrix = transposed;
        step.operation = plain.operation.get();
        made_.push_back(std::move(plain.operation));
      }
    }
    for (const Array* array : step.effects->writes)
      std::erase_if(made, [&](const Made& one) {
        const Array* read = program_.tensors_[root_of(one.tensor)].array;
        return read != nullptr && read->root() == array->root();
      });
    steps.push_back(std::move(step));
  }
  steps_ = std::move(steps);
  find_producers();
}

// Lets a producer absorb the elementwise operation that alone uses its result.
void Plan::fuse() {
  std::vector<int> uses(program_.tensors_.size(), 0);
  for (const Step& step : steps_)
    if (!step.dropped)
      for (int input : step.inputs)
        if (input >= 0) ++uses[input];
  for (const Program::Named& named : program_.outputs_) ++uses[named.tensor];

  for (Step& consumer : steps_) {
    if (consumer.dropped) continue;
    const std::optional<Binary> f = consumer.operation->elementwise();
    if (!f.has_value()) continue;
    const Shape& result = program_.shape(consumer.outputs[0]);
    bool same_shape = true;
    for (int input : consumer.inputs) same_shape = same_shape && program_.shape(input) == result;
    if (!same_shape) continue;

    for (int position = 0; position < 2; ++position) {
      const int between = consumer.inputs[position];
      const int at = producer_[between];
      if (at < 0 || uses[between] != 1) continue;
      Step& producer = steps_[at];
      if (producer.dropped || producer.outputs.size() != 1 || producer.use != consumer.use ||
          producer.rows != consumer.rows || root_of(between) != between)
        continue;
      Operation::Fusion both = producer.operation->absorb(*f, position);
      if (both.operation == nullptr) continue;

      const int other = consumer.inputs[1 - position];
      consumer.inputs = producer.inputs;
      consumer.inputs[both.operand] = other;
      consumer.operation = both.operation.get();
      made_.push_back(std::move(both.operation));
      producer.dropped = true;
      break;
    }
  }
}

}  // namespace understudy
