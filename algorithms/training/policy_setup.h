// The policy that an algorithm trains, as settings describe it: its spaces follow from the inputs,
// trunk and head are chosen, and each head has options of its own.

#pragma once

#include "algorithms/training/trainer.h"

namespace understudy {

class PolicySetup {
 public:
  // For the inputs' environment, or, where there is none, their demonstrations. One that is to be
  // `like` a teacher observes and acts as that does, and has its head with its options unless
  // another is chosen; the teacher must outlive this.
  explicit PolicySetup(const TrainingInputs& inputs, const PolicyDescription* like = nullptr);
  // For an algorithm whose actions nobody demonstrates: they are not normalized, unless told.
  static PolicySetup without_demonstrations(const TrainingInputs& inputs);

  // Another default of an option of the head, where it has one of that name.
  void set_in_head(const std::string& option, double value) {
    description_.head.set(option, value);
  }
  // Another trunk and head to begin with.
  void begin_as(const std::vector<std::int64_t>& hidden, Activation activation, const char* head);

  void list(OptionList& list);
  // As chosen so far.
  const PolicyDescription& chosen() const { return description_; }
  // Whole: with what its head takes from the demonstrations, such as where its bins lie. Actions
  // that are numbers, all of them 0 or 1, are bits for a head that is of bits alone.
  PolicyDescription description() const;

 private:
  bool taught() const;

  const TrainingInputs& inputs_;
  const PolicyDescription* like_;
  PolicyDescription description_;
};

}  // namespace understudy
