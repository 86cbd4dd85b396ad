// understudy info: what this build and this machine have.

#include <cstdio>
#include <cstring>

#include "autograd/files/npz.h"
#include "cli/session/command.h"
#include "kernels/device/error.h"
#include "kernels/device/instruction_set.h"
#include "kernels/device/version.h"

namespace understudy::cli {

namespace {

int show_info(const Common& common) {
  const char* missing = cuda_missing_reason();
  const bool built_with_cuda =
      missing == nullptr || std::strcmp(missing, "built without CUDA") != 0;
  const int processors = available_cores();
  const int threads = common.threads == 0 ? processors : common.threads;
  // An emulated or broken device may refuse even though none is missing: then it says why.
  std::string cuda_description, cuda_reason = missing == nullptr ? "" : missing;
  if (missing == nullptr) {
    try {
      cuda_description = cuda_device()->description();
    } catch (const Error& error) {
      cuda_reason = error.what();
    }
  }
  if (common.json) {
    Json info;
    info["version"] = UNDERSTUDY_VERSION;
    info["backends"] = Json::array({"cpu"});
    if (built_with_cuda) info["backends"].push_back("cuda");
    info["instruction_sets"] = Json::array();
    for (const InstructionSetRow& row : instruction_sets)
      if (available(row.set)) info["instruction_sets"].push_back(row.name);
    info["instruction_set"] = name(best_instruction_set());
    info["devices"] = Json::array();
    info["devices"].push_back(
        {{"name", "cpu"}, {"available", true}, {"description", cpu_device()->description()}});
    Json cuda = {{"name", "cuda"}, {"available", cuda_reason.empty()}};
    if (cuda_reason.empty())
      cuda["description"] = cuda_description;
    else
      cuda["reason"] = cuda_reason;
    info["devices"].push_back(cuda);
    info["processors"] = processors;
    info["threads"] = threads;
    info["compressed_npz"] = files::npz_can_deflate();
    print(info);
    return 0;
  }
  std::printf("understudy %s\n", UNDERSTUDY_VERSION);
  std::printf("  backends          cpu%s\n", built_with_cuda ? ", cuda" : "");
  std::printf("  instruction sets ");
  for (const InstructionSetRow& row : instruction_sets)
    std::printf(" %s%s", row.name, available(row.set) ? "" : " (not here)");
  std::printf(", used: %s\n", name(best_instruction_set()));
  std::printf("  cuda              %s\n",
              cuda_reason.empty() ? cuda_description.c_str() : ("no: " + cuda_reason).c_str());
  std::printf("  threads           %d of %d cores\n", threads, processors);
  std::printf("  compressed .npz   %s\n",
              files::npz_can_deflate() ? "yes" : "no: built without zlib");
  return 0;
}

}  // namespace

void add_info(Verb& root, Command& command) {
  Verb verb = root.verb("info", "What this build and this machine have");
  verb.when_chosen([&command] { command.run = [&command] { return show_info(command.common); }; });
}

}  // namespace understudy::cli
