// Looking inside a program: text, Graphviz, memory, and timelines.

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "autograd/program/plan.h"

namespace understudy {

namespace {

template <class... Arguments>
void print(std::string& text, const char* format, Arguments... arguments) {
  char line[512];
  std::snprintf(line, sizeof line, format, arguments...);
  text += line;
}

std::string quoted(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string Plan::listing() const {
  const auto name_of = [&](int tensor) {
    const Program::TensorRecord& record = program_.tensors_[tensor];
    if (!record.name.empty()) return record.name;
    return (record.kind == Program::Kind::constant ? "c" : "%") + std::to_string(tensor);
  };
  std::string text;
  print(text, "program on %s, %s, %zu operations in %zu segments, %zu bytes\n",
        program_.device().description(), program_.real() == Real::f32 ? "f32" : "f64",
        times_.size(), segments_.size(), memory_bytes());
  for (const Segment& segment : segments_) {
    if (segment.steps.empty()) continue;
    if (segment.tiled)
      print(text, "rows %lld: %lld chunks of %lld, tiles of %lld\n",
            static_cast<long long>(segment.rows), static_cast<long long>(segment.chunks),
            static_cast<long long>(segment.chunk_rows), static_cast<long long>(segment.tile_rows));
    else
      text += "once\n";
    for (int at : segment.steps) {
      const Step& step = steps_[at];
      std::string line;
      for (std::size_t i = 0; i < step.outputs.size(); ++i)
        line += (i == 0 ? "" : ", ") + name_of(step.outputs[i]);
      if (!step.outputs.empty()) line += " = ";
      line += step.operation->name();
      const std::string detail = step.operation->detail();
      if (!detail.empty()) line += "{" + detail + "}";
      // An operand that is left out is listed where others follow.
      std::size_t shown = step.inputs.size();
      while (shown > 0 && step.inputs[shown - 1] < 0) --shown;
      for (std::size_t i = 0; i < shown; ++i)
        line += step.inputs[i] < 0 ? " -" : " " + name_of(step.inputs[i]);
      std::string shapes;
      for (int output : step.outputs) {
        const Storage& own = storage_[output];
        const Place place = storage_[own.root].place;
        shapes += "  " + program_.shape(output).text() +
                  (step.use == RowUse::reduce ? " sum"
                   : place == Place::tile     ? " tile"
                                              : "");
      }
      print(text, "  %3d  %-60s%s\n", step.time_index, line.c_str(), shapes.c_str());
    }
  }
  for (const Program::Named& named : program_.outputs_)
    print(text, "output %s = %s %s\n", named.name.c_str(), name_of(named.tensor).c_str(),
          program_.shape(named.tensor).text().c_str());
  return text;
}

std::size_t Plan::memory_bytes() const {
  return arena_bytes_ + tile_arena_bytes_ * tile_arenas_.size() + program_.owned_bytes();
}

std::string Plan::memory() const {
  std::string text;
  print(text, "inputs and constants %zu bytes\n", program_.owned_bytes());
  print(text, "whole tensors        %zu bytes\n", arena_bytes_);
  print(text, "tiles                %zu bytes on each of %zu threads\n", tile_arena_bytes_,
        tile_arenas_.size());
  for (std::size_t id = 0; id < storage_.size(); ++id) {
    const Storage& storage = storage_[id];
    if (storage.root != static_cast<int>(id) || storage.first < 0 ||
        (storage.place != Place::whole && storage.place != Place::tile))
      continue;
    print(text, "  %%%-4zu %-6s at %10zu, %10lld bytes%s, segments %d to %d%s\n", id,
          storage.place == Place::whole ? "whole" : "tile", storage.offset,
          static_cast<long long>(storage.bytes), storage.place == Place::tile ? " a row" : "",
          storage.first, storage.last, storage.kept ? ", kept" : "");
  }
  return text;
}

std::string Plan::chrome_trace() const {
  std::string text = "{\"traceEvents\":[";
  bool first = true;
  for (const Event& event : events_) {
    print(text,
          "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":0,\"tid\":0,\"ts\":%.3f,\"dur\":%.3f,"
          "\"args\":{\"operation\":%d,\"rows\":%lld}}",
          first ? "" : ",", times_[event.time_index].name.c_str(), event.start * 1e6,
          event.duration * 1e6, event.time_index, static_cast<long long>(event.rows));
    first = false;
  }
  return text + "\n]}\n";
}

std::string Program::listing() const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "plan the program before listing it");
  return plan_->listing();
}

std::string Program::memory() const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "plan the program before asking for its memory");
  return plan_->memory();
}

std::size_t Program::memory_bytes() const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "plan the program before asking for its memory");
  return plan_->memory_bytes();
}

void Program::run_timed() {
  ready();
  plan_->run_timed();
}

const std::vector<OperationTime>& Program::times() const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "the program has not run");
  return plan_->times();
}

std::string Program::chrome_trace() const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "the program has not run");
  return plan_->chrome_trace();
}

std::string Program::first_not_finite() {
  ready();
  return plan_->first_not_finite();
}

// The recorded graph: boxes are operations, arrows carry tensors.
std::string Program::dot() const {
  std::string text = "digraph program {\n  rankdir=TB; node [shape=box, fontname=monospace];\n";
  for (std::size_t id = 0; id < tensors_.size(); ++id) {
    const TensorRecord& tensor = tensors_[id];
    if (tensor.producer >= 0 || tensor.kind == Kind::computed) continue;  // or the planner's own
    const std::string label = tensor.name.empty() ? "constant" : quoted(tensor.name);
    print(text, "  t%zu [shape=ellipse, label=\"%s\\n%s\"];\n", id, label.c_str(),
          tensor.shape.text().c_str());
  }
  for (std::size_t at = 0; at < nodes_.size(); ++at) {
    const Node& node = nodes_[at];
    const std::string detail = quoted(node.operation->detail());
    print(text, "  n%zu [label=\"%s%s%s\"];\n", at, node.operation->name(),
          detail.empty() ? "" : "\\n", detail.c_str());
    for (int input : node.inputs) {
      if (input < 0) continue;
      const TensorRecord& tensor = tensors_[input];
      const std::string shape = tensor.shape.text();
      if (tensor.producer >= 0)
        print(text, "  n%d -> n%zu [label=\"%s\"];\n", tensor.producer, at, shape.c_str());
      else
        print(text, "  t%d -> n%zu;\n", input, at);
    }
  }
  for (const Named& named : outputs_) {
    print(text, "  o%d [shape=ellipse, style=bold, label=\"%s\"];\n", named.tensor,
          quoted(named.name).c_str());
    const int producer = tensors_[named.tensor].producer;
    if (producer >= 0)
      print(text, "  n%d -> o%d;\n", producer, named.tensor);
    else
      print(text, "  t%d -> o%d;\n", named.tensor, named.tensor);
  }
  return text + "}\n";
}

}  // namespace understudy
