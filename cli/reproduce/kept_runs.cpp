#include "cli/reproduce/kept_runs.h"

#include <fstream>

#include "kernels/device/error.h"

namespace understudy::cli {

KeptRuns::KeptRuns(const std::string& folder)
    : path_(folder.empty() ? "" : folder + "/results.jsonl") {
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    const Json entry = Json::parse(line, nullptr, false);
    if (entry.is_object() && entry.contains("key") && entry.contains("found"))
      found_[entry["key"].dump()] = entry["found"];
  }
}

const Json* KeptRuns::find(const Json& key) const {
  const auto at = found_.find(key.dump());
  return at == found_.end() ? nullptr : &at->second;
}

void KeptRuns::add(const Json& key, const Json& found) {
  found_[key.dump()] = found;
  if (path_.empty()) return;
  std::ofstream file(path_, std::ios::app);
  file << Json({{"key", key}, {"found", found}}).dump() << '\n' << std::flush;
  if (!file) fail(ErrorKind::bad_file, "%s: cannot be written", path_.c_str());
}

}  // namespace understudy::cli
