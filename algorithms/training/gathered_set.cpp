#include "algorithms/training/gathered_set.h"

#include <filesystem>

#include "algorithms/data/demonstration_files.h"

namespace understudy {

namespace fs = std::filesystem;

void GatheredSet::write(const std::string& folder, std::int64_t iteration,
                        const Demonstrations& set) const {
  save_demonstrations(file(folder, iteration), set);
}

void GatheredSet::wrote(const std::string& folder, std::int64_t iteration) {
  if (saved_ > 0 && saved_ != iteration) fs::remove(file(folder, saved_));
  saved_ = iteration;
}

Demonstrations GatheredSet::read(const std::string& folder, std::int64_t iteration) {
  saved_ = iteration;
  Demonstrations set = load_demonstrations(file(folder, iteration));
  const fs::path stands = fs::path(file(folder, iteration)).filename();
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with(name_ + "-") &&
        entry.path().filename() != stands)
      fs::remove(entry.path());
  return set;
}

}  // namespace understudy
