// Finished runs of an experiment, a line of results.jsonl in --out each: what is there is not run
// again, and an interrupted experiment goes on.

#pragma once

#include <map>
#include <string>

#include "cli/session/command.h"

namespace understudy::cli {

class KeptRuns {
 public:
  // Of the folder; "" keeps nothing. A last line that was cut off is left out.
  explicit KeptRuns(const std::string& folder);

  // What was found under that key, all that decides it; null: it was not run.
  const Json* find(const Json& key) const;
  void add(const Json& key, const Json& found);

 private:
  std::string path_;
  std::map<std::string, Json> found_;
};

}  // namespace understudy::cli
